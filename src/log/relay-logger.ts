import type { LOG_LEVELS, LogFields, Logger, LogLevel } from './logger.ts';

/** Does something with a message; `write` hands one on with the level and fields of the message. */
export type Relay = (level: LogLevel, message: string, write: (message: string) => void) => void;

/** A logger whose messages, and those of its children, pass `relay` on their way to `log`. */
export function relayLogger(log: Logger, relay: Relay): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    const method = level.toLowerCase() as Lowercase<(typeof LOG_LEVELS)[number]>;
    relay(level, message, (text) => log[method](text, fields));
  };
  return {
    debug: at('DEBUG'),
    info: at('INFO'),
    warning: at('WARNING'),
    error: at('ERROR'),
    critical: at('CRITICAL'),
    child: (name) => relayLogger(log.child(name), relay),
  };
}

/** A logger that also tells `append` of each message. */
export function teeLogger(log: Logger, append: (level: LogLevel, message: string) => void): Logger {
  return relayLogger(log, (level, message, write) => {
    write(message);
    append(level, message);
  });
}
