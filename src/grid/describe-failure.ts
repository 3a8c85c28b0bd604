import { errorMessage, isSlaposError } from '../errors/slapos-error.ts';

/**
 * A failure in one line, for our own log: the output of a command was logged as it came, so that of
 * a long text the first line and the line that names the error are enough; then what to do about it.
 */
export function describeFailure(error: unknown): string {
  const lines = errorMessage(error)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first = 'Unknown error'] = lines;
  const rest = lines.slice(1);
  const reason =
    rest.findLast((line) => /^(Error|\w+Error|.*timed out)\b/.test(line)) ?? rest.at(-1);
  const hint = isSlaposError(error) && error.hint !== undefined ? ` (${error.hint})` : '';
  return `${reason === undefined ? first : `${first} ${reason}`}${hint}`;
}
