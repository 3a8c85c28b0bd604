import type { LogFields, LogLevel } from './logger.ts';

/** One thing to log, before it is given a form. */
export interface LogRecord {
  readonly time: Date;
  readonly level: LogLevel;
  /** Name of the logger, such as `slapos.boot`. */
  readonly logger: string;
  readonly pid: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** Where records end: the console or a file. It decides by itself which levels it takes. */
export interface LogSink {
  write(record: LogRecord): void;
}
