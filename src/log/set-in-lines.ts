import type { LOG_LEVELS, LogFields, Logger } from './logger.ts';

type Method = Lowercase<(typeof LOG_LEVELS)[number]>;

/**
 * A logger that sets in all lines of a message but the first: what comes from programs of partitions
 * cannot pass for a record of its own.
 */
export function setInLines(log: Logger): Logger {
  const write =
    (level: Method) =>
    (message: string, fields?: LogFields): void =>
      log[level](message.replaceAll('\n', '\n  '), fields);
  return {
    debug: write('debug'),
    info: write('info'),
    warning: write('warning'),
    error: write('error'),
    critical: write('critical'),
    child: (name) => setInLines(log.child(name)),
  };
}
