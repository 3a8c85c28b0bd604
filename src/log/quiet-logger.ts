/** For work that is done again and again: what informs whoever starts it once is a detail then. */
import type { Logger } from './logger.ts';

/** Logs to `log`, information at level debug. */
export function quietLogger(log: Logger): Logger {
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.debug(message, fields),
    warning: (message, fields) => log.warning(message, fields),
    error: (message, fields) => log.error(message, fields),
    critical: (message, fields) => log.critical(message, fields),
    child: (name) => quietLogger(log.child(name)),
  };
}
