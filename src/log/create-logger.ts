import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from './logger.ts';
import type { LogRecord, LogSink } from './record.ts';

export interface LoggerOptions {
  readonly name: string;
  readonly pid: number;
  /** Live list: a sink added later gets the records that follow. */
  readonly sinks: readonly LogSink[];
  readonly now: () => Date;
}

/** A logger that hands each record to every sink. */
export function createLogger(options: LoggerOptions): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      const { name, pid, now } = options;
      const record: LogRecord = { time: now(), level, logger: name, pid, message, fields };
      for (const sink of options.sinks) sink.write(record);
    };
  return {
    debug: log('DEBUG'),
    info: log('INFO'),
    warning: log('WARNING'),
    error: log('ERROR'),
    critical: log('CRITICAL'),
    child: (name) => createLogger({ ...options, name }),
  };
}

/** A sink that writes the records of a level and above in one form. */
export function createSink(
  lowest: LogLevel,
  render: (record: LogRecord) => string,
  write: (line: string) => void,
): LogSink {
  const rank = LOG_LEVELS.indexOf(lowest);
  return {
    write(record) {
      if (LOG_LEVELS.indexOf(record.level) >= rank) write(render(record));
    },
  };
}

/** The lowest level that the console shows: 0 quiet, 1 normal, 2 and more verbose. */
export function consoleLevel(verbosity: number): LogLevel {
  if (verbosity >= 2) return 'DEBUG';
  return verbosity === 1 ? 'INFO' : 'WARNING';
}
