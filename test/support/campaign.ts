/** What the programs of `test/campaign` have in common. */
import { basename } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { enterNamespace } from './campaign-namespace.ts';

/** Whether the long campaign is asked for, not a slice of it. */
export const isFull = process.env['CAMPAIGN'] === 'full';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const USAGE_STATUS = 2;

/** Ends the process for what is wrong with the command line, which one line says. */
export function refuseOptions(message: string): never {
  const name = basename(process.argv[1] ?? '', '.js');
  process.stderr.write(`${name}: ${message.replaceAll(/\s+/g, ' ')}\n`);
  process.exit(USAGE_STATUS);
}

/** Options and positionals of this process as parseArgs gives them; ends it for those it refuses. */
export function readOptions<const Shape extends ParseArgsConfig>(shape: Shape) {
  try {
    return parseArgs(shape);
  } catch (error) {
    return refuseOptions(error instanceof Error ? error.message : String(error));
  }
}

/** The number that an option says; ends the process for anything else. */
export function readNumber(option: string, text: string, { isWhole = true, least = 0 } = {}) {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && (isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)))
    return value;
  return refuseOptions(
    `--${option} is a ${isWhole ? 'whole ' : ''}number from ${least} on, not '${text}'`,
  );
}

/** For `--seed`, where none is given. */
export function drawSeed(): string {
  return String(Date.now() % 1_000_000);
}

/**
 * Runs a campaign that works in a private namespace, and ends the process.
 * @param main gives the exit status; what it throws is printed, and the status is 1
 * @param drawn words that the program within the namespace is given besides its own, such as a seed
 */
export function runCampaign(main: () => Promise<number>, drawn: readonly string[] = []): void {
  if (!enterNamespace(drawn)) return;
  main().then(
    (status) => process.exit(status),
    (error: unknown) => {
      print(error instanceof Error ? String(error.stack) : String(error));
      process.exit(1);
    },
  );
}
