import type { Logger } from '../log/logger.ts';

/** What one command may add to a log, and what stands before each line there. */
const LIMIT_BYTES = 8 * 1024 * 1024;
const PREFIX_BYTES = 64;

/**
 * Logs the lines of a command as they come, until they are too many: a build that prints without end
 * must fill no disk. The end of what it prints is in the report of its failure all the same.
 * @returns the listener of the lines
 */
export function logLines(log: Logger, limitBytes = LIMIT_BYTES): (line: string) => void {
  let logged = 0;
  return (line) => {
    if (logged > limitBytes) return;
    logged += line.length + PREFIX_BYTES;
    log.info(line);
    if (logged <= limitBytes) return;
    log.warning(`More than ${limitBytes} bytes of output: no more of it is logged.`);
  };
}
