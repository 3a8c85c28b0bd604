/**
 * The error tree of the project. Every error that a user or another layer is meant to see extends
 * {@link SlaposError}; anything else that reaches the command line is a bug of ours.
 *
 * Each command is its own bundle, so one class may exist several times in a process: test with
 * {@link isSlaposError} and `code`, never with `instanceof` across bundles.
 */
import type { ErrorCode } from './catalogue.ts';

const BRAND = Symbol.for('slapos-node.error');

export interface SlaposErrorOptions {
  /** What the operator can do about it: one imperative sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for structured logs: file, section, key, url, partition… Never a secret. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Exit status of the process when this error ends a command (spec/cli.md 4). */
  readonly exitCode?: number;
}

/** Base of the tree: a stable code, one plain sentence, and what to do. */
export class SlaposError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, options: SlaposErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.context = options.context ?? {};
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The caller gave a bad option, value or argument. Exit 2 unless said otherwise. */
export class UsageError extends SlaposError {
  constructor(code: ErrorCode, message: string, options: SlaposErrorOptions = {}) {
    super(code, message, { exitCode: 2, ...options });
  }
}

/** A configuration key, path or definition is invalid. Carries file, line, section and key. */
export class ConfigError extends SlaposError {}

/**
 * The desired state cannot exist: range exhausted, name clash, address outside the prefix. Where
 * another state of the network, a name service or a disk would cure it, `device`, `account` or `link`
 * in the context names what it depends on: `node boot` waits for that, and ends for anything else.
 */
export class PlanError extends SlaposError {}

/** The kernel refused an operation. */
export class HostError extends SlaposError {
  readonly errno: number;
  readonly syscall: string;
  /** Text of the kernel's extended acknowledgement, when it gave one. */
  readonly extack: string;

  constructor(
    code: ErrorCode,
    message: string,
    kernel: { readonly errno?: number; readonly syscall?: string; readonly extack?: string },
    options: SlaposErrorOptions = {},
  ) {
    super(code, message, options);
    this.errno = kernel.errno ?? 0;
    this.syscall = kernel.syscall ?? '';
    this.extack = kernel.extack ?? '';
  }
}

/** A command could not be started; `step` names the step of the child that failed. */
export class SpawnError extends HostError {
  readonly step: string;

  constructor(
    message: string,
    kernel: { readonly errno?: number; readonly syscall?: string; readonly step: string },
    options: SlaposErrorOptions = {},
  ) {
    super('SLAPOS_ERR_SPAWN', message, kernel, options);
    this.step = kernel.step;
  }
}

/** The Master answered with an error, or could not be reached. */
export class MasterError extends SlaposError {
  readonly isRetryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: SlaposErrorOptions & { readonly isRetryable?: boolean } = {},
  ) {
    super(code, message, options);
    this.isRetryable = options.isRetryable ?? false;
  }
}

/** Another slapos process holds the pid file. Exit 10. */
export class BusyError extends SlaposError {
  constructor(code: ErrorCode, message: string, options: SlaposErrorOptions = {}) {
    super(code, message, { exitCode: 10, ...options });
  }
}

/** buildout failed; the context holds the log path, the message the tail of its output. */
export class BuildError extends SlaposError {}

/** A health check is negative: an outcome, not a crash. Exit 2. */
export class PromiseFailed extends SlaposError {
  constructor(message: string, options: SlaposErrorOptions = {}) {
    super('SLAPOS_ERR_PROMISE_FAILED', message, { exitCode: 2, ...options });
  }
}

/** A signal or a time limit ended the work. */
export class CancelledError extends SlaposError {}

/** True for every error of the tree, whichever bundle created it. */
export function isSlaposError(error: unknown): error is SlaposError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** True for an error of a Master, whichever bundle created it. */
export function isMasterError(error: unknown): error is MasterError {
  return isSlaposError(error) && error.code.split('_')[2] === 'MASTER';
}

/** The `code` of a system or project error, or the empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
