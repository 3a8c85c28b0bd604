/** What a Master's web site answered (spec/register.md 1.3, 2). Pure. */
import { MasterError } from '../errors/slapos-error.ts';
import { boundedText } from '../slap/bounded-text.ts';
import { describeBody } from '../slap/http-refusal.ts';
import type { Credentials } from './credentials.ts';
import type { SiteLogin } from './web-request.ts';

export interface WebAnswer {
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly body: string;
  /** False when the connection ended, or the time was over, before the whole body had come. */
  readonly isComplete: boolean;
}

export interface Question {
  readonly login: SiteLogin['kind'];
  /** Title of the computer; undefined when a person asks for himself. */
  readonly nodeName: string | undefined;
}

const STILL_ACTIVE = 'Certificate still active.';
const NOT_IMPLEMENTED = 'NotImplementedError';

/** The refusal that an answer is; undefined when it is none. */
export function refusalIn(answer: WebAnswer, question: Question): MasterError | undefined {
  const { status, body } = answer;
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return redirection(answer);
  if (question.nodeName !== undefined && body.includes(STILL_ACTIVE)) {
    return refused(
      answer,
      `The node name "${question.nodeName}" is already in use. Please change the name, or revoke the active certificate if you want to replace the node.`,
    );
  }
  if (status === 401 || status === 403) return denied(answer, question);
  if (question.login === 'password' && body.includes(NOT_IMPLEMENTED)) {
    return refused(
      answer,
      'This SlapOS server does not support login/password authentication. Please use the token.',
    );
  }
  return failure(answer);
}

function denied(answer: WebAnswer, { login }: Question): MasterError {
  const advice =
    login === 'token'
      ? 'Please check the authentication token or require a new one.'
      : 'Please check username and password.';
  return error(
    'SLAPOS_ERR_MASTER_UNAUTHENTICATED',
    `Access denied to the SlapOS Master. ${advice}`,
    answer,
  );
}

function refused(answer: WebAnswer, message: string): MasterError {
  return error('SLAPOS_ERR_MASTER_REFUSED', message, answer);
}

function redirection(answer: WebAnswer): MasterError {
  return error(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `${answer.url} redirects (HTTP ${answer.status}) to ${boundedText(answer.location ?? 'nowhere')}: a token or password goes to no other place.`,
    answer,
    'Check the token, and that --master-url-web is the address of the site itself.',
  );
}

function failure(answer: WebAnswer): MasterError {
  const { status, url, body, contentType } = answer;
  const reason = describeBody(body.slice(0, 16_384), contentType);
  const explanation = reason === '' ? '.' : `: ${reason}`;
  if (status === 404 || status === 410) {
    return error(
      'SLAPOS_ERR_MASTER_NOT_FOUND',
      `${url} gives no certificates ${status === 410 ? 'any more ' : ''}(HTTP ${status})${explanation}`,
      answer,
      'Check --master-url-web; certificates may be made in the panel of the Master.',
    );
  }
  const code = status >= 500 ? 'SLAPOS_ERR_MASTER_UNAVAILABLE' : 'SLAPOS_ERR_MASTER_REFUSED';
  return error(
    code,
    `${url} failed (HTTP ${status})${explanation}`,
    answer,
    'A token that was sent may be used up: the next attempt may need a new one.',
  );
}

/**
 * The key pair of a document; it says nothing about whether that can be used.
 * @param body as the site sent it
 * @throws MasterError SLAPOS_ERR_MASTER_REFUSED for the answer `false`; SLAPOS_ERR_MASTER_PROTOCOL
 */
export function decodeCredentials(body: string, url: string): Credentials {
  const document = parseDocument(body, url);
  if (document === false) {
    throw new MasterError(
      'SLAPOS_ERR_MASTER_REFUSED',
      'The SlapOS Master gives no certificate: one was already requested.',
      { hint: 'Revoke it in the panel of the Master, then ask for a new token.', context: { url } },
    );
  }
  const fields: Readonly<Record<string, unknown>> =
    typeof document === 'object' && document !== null ? { ...document } : {};
  const { certificate, key, reference } = fields;
  if (typeof certificate === 'string' && typeof key === 'string' && certificate && key) {
    return { certificate, key, reference };
  }
  throw notCredentials(url, 'it lacks certificate or key');
}

/** The key pair of an answer; undefined when it has none: the step that looks at it says why. */
export function findCredentials(answer: {
  readonly body: string;
  readonly url: string;
}): Credentials | undefined {
  try {
    return decodeCredentials(answer.body, answer.url);
  } catch {
    return undefined;
  }
}

/** Whether something may be in a text that must not be lost. */
export function mayHoldKey(body: string): boolean {
  return body.includes('PRIVATE KEY');
}

function parseDocument(body: string, url: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    const isPage = /^\s*</.test(body);
    throw notCredentials(url, isPage ? 'it is a web page, not JSON' : 'it is not JSON');
  }
}

function notCredentials(url: string, reason: string): MasterError {
  return new MasterError(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `${url} answers with what is no certificate: ${reason}.`,
    { hint: 'Check that --master-url-web is the web site of a SlapOS Master.', context: { url } },
  );
}

function error(
  code: ConstructorParameters<typeof MasterError>[0],
  message: string,
  { url, status }: WebAnswer,
  hint?: string,
): MasterError {
  const options = hint === undefined ? {} : { hint };
  return new MasterError(code, message, { ...options, context: { url, status } });
}
