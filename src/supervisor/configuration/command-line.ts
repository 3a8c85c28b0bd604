/** How a `command` becomes an argument vector (spec/supervisor.md 2.3). Pure. */
import { splitShellWords } from '../../model/shell-words.ts';
import { ValueError } from './value-types.ts';

/**
 * Splits like a POSIX shell: quotes and backslashes, no variables, globs or pipes.
 * @throws ValueError `No closing quotation`, `No escaped character`
 */
export function parseCommandLine(text: string): string[] {
  try {
    return splitShellWords(text);
  } catch (error) {
    throw new ValueError((error as SyntaxError).message);
  }
}
