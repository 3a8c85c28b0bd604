/** Levels of spec/cli.md 2, least important first. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts that go with a line of the structured log; the text logs ignore them. */
export interface LogFields {
  /** Stable event id, `area.event`, such as `format.step_failed`. */
  readonly event?: string;
  readonly [fact: string]: unknown;
}

/**
 * What every layer logs through. Library code takes a Logger as an argument and never writes to
 * the standard streams by itself. A function either logs a failure or throws it, not both.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  critical(message: string, fields?: LogFields): void;
  /** A logger of the same sinks under another name, such as `slapos.boot`. */
  child(name: string): Logger;
}

/** A logger that drops everything: for tests and for callers with nothing to tell. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warning() {},
  error() {},
  critical() {},
  child() {
    return silentLogger;
  },
};
