/** One command to its end with its output line by line: what the grid asks of {@link spawnCommand}. */
import { StringDecoder } from 'node:string_decoder';
import { CancelledError } from '../../errors/slapos-error.ts';
import type { CommandOutcome, GridCommand } from '../grid-host.ts';
import { forgetChild, noteChild } from '../keeper/child-note.ts';
import { createOutputKeeper } from '../keeper/output-keeper.ts';
import { spawnCommand } from '../spawn.ts';

/** A line without an end is handed on in parts of this size. */
const LINE_LIMIT = 64 * 1024;
const DEBUG_OUTPUT = '(output not captured in debug mode)';

/**
 * @throws SpawnError naming the step that failed; CancelledError when `command.signal` aborts.
 */
export async function runCommand(command: GridCommand): Promise<CommandOutcome> {
  const { argv, noteFile, onErrorLine, onLine, ...request } = command;
  const [program = '', ...words] = argv;
  const lines = onLine === undefined ? undefined : createLineReader(onLine);
  const errorLines = onErrorLine === undefined ? undefined : createLineReader(onErrorLine);
  const keeper = createOutputKeeper();
  const { output: _, ...result } = await spawnCommand({
    ...request,
    argv: [program, ...words],
    maxOutputBytes: 1,
    ...(noteFile === undefined ? {} : { onStarted: (pid: number) => noteChild(noteFile, pid) }),
    onOutput: (chunk) => {
      keeper.take(chunk);
      lines?.take(chunk);
    },
    ...(errorLines === undefined ? {} : { onErrorOutput: errorLines.take }),
  });
  if (noteFile !== undefined) forgetChild(noteFile);
  lines?.end();
  errorLines?.end();
  if (command.signal?.aborted) {
    throw new CancelledError('SLAPOS_ERR_CANCELLED', `${program} was interrupted.`);
  }
  return { ...result, output: command.isInteractive ? DEBUG_OUTPUT : keeper.text() };
}

/** Cuts chunks into lines; invalid UTF-8 becomes U+FFFD. */
export function createLineReader(onLine: (line: string) => void) {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const add = (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length < LINE_LIMIT) return;
    onLine(rest);
    rest = '';
  };
  return {
    take: (chunk: Buffer) => add(decoder.write(chunk)),
    end: () => {
      add(decoder.end());
      if (rest !== '') onLine(rest);
    },
  };
}
