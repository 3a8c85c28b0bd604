/** What the panel cannot do, and how it says so. */
import { errorMessage, isSlaposError } from '../errors/slapos-error.ts';
import type { PanelProblem } from './api.ts';

/** A request that is refused or fails: nothing was changed. */
export class PanelError extends Error {
  readonly statusCode: number;
  readonly hint: string;
  /** JSON pointer into the request. */
  readonly field: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    statusCode: number,
    message: string,
    more: {
      readonly hint?: string;
      readonly field?: string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.name = 'PanelError';
    this.statusCode = statusCode;
    this.hint = more.hint ?? '';
    this.field = more.field ?? '';
    this.headers = more.headers ?? {};
  }
}

/** 404 */
export function absent(message: string): PanelError {
  return new PanelError(404, message);
}

/** 409: it is not so any more, or something else has to be done before. */
export function conflict(message: string, hint = ''): PanelError {
  return new PanelError(409, message, { hint });
}

/** 422: understood, and wrong at a field. */
export function wrongField(field: string, message: string, hint = ''): PanelError {
  return new PanelError(422, message, { field, hint });
}

/** 503: something that is needed for it does not answer. */
export function unavailable(message: string, hint = ''): PanelError {
  return new PanelError(503, message, { hint });
}

/** A failure as it is answered; `isOurs` when nobody but us can be to blame. */
export interface RenderedProblem {
  readonly status: number;
  readonly body: PanelProblem;
  readonly headers: Readonly<Record<string, string>>;
  readonly isOurs: boolean;
}

/** Problems of the proxy are known by their `statusCode`: bundles do not share classes. */
export function renderProblem(error: unknown): RenderedProblem {
  const { statusCode, hint, field, headers } = error as Partial<PanelError>;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 600) {
    const body = { problem: errorMessage(error), hint: hint ?? '', field: field ?? '' };
    return { status: statusCode, body, headers: headers ?? {}, isOurs: false };
  }
  const passing = passingProblem(error);
  if (passing !== undefined) {
    const body = { problem: passing, hint: '', field: '' };
    return { status: 503, body, headers: { 'retry-after': RETRY_AFTER_S }, isOurs: false };
  }
  const problem = 'Internal error: the log of the proxy tells more.';
  return { status: 500, body: { problem, hint: '', field: '' }, headers: {}, isOurs: true };
}

/** RFC 9110 10.2.3. */
const RETRY_AFTER_S = '5';

/** What the database cannot do now and may do later, as the proxy has it in `http-reply.ts`. */
function passingProblem(error: unknown): string | undefined {
  if (!isSlaposError(error)) return undefined;
  const { sqlite, temporary } = error.context;
  if (sqlite === 'SQLITE_BUSY') return 'The database is locked by another process.';
  return typeof temporary === 'string' ? temporary : undefined;
}
