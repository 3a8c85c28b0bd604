import type { Logger } from './logger.ts';
import { relayLogger } from './relay-logger.ts';

/**
 * A logger that sets in all lines of a message but the first: what comes from programs of partitions
 * cannot pass for a record of its own.
 */
export function setInLines(log: Logger): Logger {
  return relayLogger(log, (_level, message, write) => write(message.replaceAll('\n', '\n  ')));
}
