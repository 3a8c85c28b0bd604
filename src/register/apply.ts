/**
 * Does the steps of a registration. The token is used up by the request, so that the answer is on
 * disk before anything is made of it; what fails later leaves it there for the next run.
 */
import { dirname } from 'node:path';
import {
  errorCode,
  errorMessage,
  isSlaposError,
  MasterError,
  SlaposError,
} from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';
import { decodeCredentials, mayHoldKey, refusalIn, type WebAnswer } from './answer.ts';
import { clearWork, discardWork, keepSecret } from './clear-work.ts';
import type { Credentials } from './credentials.ts';
import {
  ANSWER_NAME,
  encodeAnswer,
  encodeNote,
  type KeptAnswer,
  type Purpose,
} from './kept-answer.ts';
import type { FileContent, Step } from './step.ts';
import type { SiteLogin, WebRequest } from './web-request.ts';

/** What a registration does outside of this process, and what the command decides. */
export interface RegisterPort {
  readonly files: HostFiles;
  readonly log: Logger;
  readonly signal: AbortSignal;
  nowMs(): number;
  move(from: string, to: string): Promise<void>;
  contact(step: Extract<Step, { kind: 'contact' }>): Promise<void>;
  login(step: Extract<Step, { kind: 'login' }>): Promise<SiteLogin>;
  send(request: WebRequest, login: SiteLogin): Promise<WebAnswer>;
  /** @throws SlaposError SLAPOS_ERR_CERTIFICATE when it cannot be used */
  inspect(credentials: Credentials): void;
  render(content: FileContent, credentials: Credentials): string;
}

export interface RegisterRun {
  readonly purpose: Purpose;
  /** Private folder of this registration. */
  readonly work: string;
  readonly steps: readonly Step[];
  /** Of an earlier run. */
  readonly kept: KeptAnswer | undefined;
  /** An earlier run sent a request that was not answered. */
  readonly isNoted: boolean;
  /** Told when the former configuration is moved. */
  readonly occupied: readonly string[];
}

interface State {
  login: SiteLogin | undefined;
  answer: WebAnswer | undefined;
  kept: KeptAnswer | undefined;
  credentials: Credentials | undefined;
  /** Whether a request may have reached the site without an answer. */
  isPending: boolean;
}

/**
 * @returns what the Master gave
 * @throws SlaposError of the step that failed; it says so where an answer is kept for the next run
 */
export async function applyRegister(run: RegisterRun, port: RegisterPort): Promise<Credentials> {
  const state: State = {
    login: undefined,
    answer: undefined,
    kept: run.kept,
    credentials: undefined,
    isPending: false,
  };
  try {
    for (const step of run.steps) {
      port.signal.throwIfAborted();
      await applyStep(step, run, state, port);
    }
  } catch (error) {
    throw await settle(error, run, state, port);
  }
  return credentialsOf(state);
}

async function applyStep(step: Step, run: RegisterRun, state: State, port: RegisterPort) {
  switch (step.kind) {
    case 'contact':
      return port.contact(step);
    case 'login':
      state.login = await port.login(step);
      return;
    case 'folder':
      return makeFolder(step, port);
    case 'note': {
      const note = encodeNote({ ...run.purpose, sentAtMs: port.nowMs() });
      return port.files.write(step.path, note, { mode: 0o600 });
    }
    case 'request':
      return request(step, run, state, port);
    case 'keep':
      return keep(step.path, run, state, port);
    case 'inspect':
      return inspect(state, port);
    case 'file':
      return writeFile(step, run.purpose.nodeName === '', state, port);
    case 'move':
      return move(step, run, port);
    case 'remove':
      if (step.path === run.work) return clearWork(step.path, ANSWER_NAME, port);
      return port.files.remove(step.path, { isRecursive: true });
  }
}

async function makeFolder(
  { path, mode, shown }: Extract<Step, { kind: 'folder' }>,
  { files, log }: RegisterPort,
): Promise<void> {
  const status = await files.stat(path);
  if (status === undefined && mode !== 0o700) log.info(`Creating directory: ${shown}`);
  await files.mkdir(path, { mode });
  if (status !== undefined && status.mode !== mode) await files.chmod(path, mode);
}

async function request(
  { request: asked, login }: Extract<Step, { kind: 'request' }>,
  { purpose }: RegisterRun,
  state: State,
  port: RegisterPort,
): Promise<void> {
  if (state.login === undefined) throw new Error('a request comes after the login');
  state.isPending = true;
  try {
    state.answer = await port.send(asked, state.login);
  } catch (error) {
    state.isPending = isSlaposError(error) && error.context['isSent'] === true;
    throw state.isPending ? unanswered(error) : error;
  }
  const question = { login, nodeName: purpose.nodeName || undefined };
  const refusal = refusalIn(state.answer, question);
  if (refusal === undefined) return;
  state.isPending = false;
  throw refusal;
}

function unanswered(cause: unknown): MasterError {
  const message = `${cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)}, after the request was sent.`;
  return new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', message, {
    hint: 'The token may be used up and the certificate given: look in the panel of the Master, revoke it there, and ask for a new token.',
    cause,
  });
}

/** Saved as it is; only what cannot hold a key is not worth it. */
async function keep(path: string, run: RegisterRun, state: State, port: RegisterPort) {
  const { answer } = state;
  if (answer === undefined) throw new Error('an answer comes before it is kept');
  const { url, body, isComplete } = answer;
  if (mayHoldKey(body)) {
    const kept = { ...run.purpose, url, body, isComplete };
    await keepSecret(path, encodeAnswer(kept), port.files).catch((cause: unknown) => {
      throw isSlaposError(cause) ? notKept(cause) : cause;
    });
    state.kept = kept;
  }
  state.isPending = false;
  if (isComplete) return;
  throw new MasterError(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `The answer of ${url} ended after ${Buffer.byteLength(body)} bytes, before it was complete.`,
    { hint: USED_UP },
  );
}

const USED_UP =
  'The token is used up: revoke the certificate in the panel of the Master, and ask for a new token.';

function notKept(cause: SlaposError): SlaposError {
  const { code, message, context } = cause;
  return new SlaposError(code, `What the Master gave is lost. ${message}`, {
    hint: USED_UP,
    cause,
    context,
  });
}

function inspect(state: State, port: RegisterPort): void {
  const source = state.kept ?? state.answer;
  if (source === undefined) throw new Error('an answer comes before it is looked at');
  state.credentials = decodeCredentials(source.body, source.url);
  try {
    port.inspect(state.credentials);
  } catch (cause) {
    if (errorCode(cause) !== 'SLAPOS_ERR_CERTIFICATE') throw cause;
    throw new SlaposError(
      'SLAPOS_ERR_CERTIFICATE',
      `What ${source.url} gave cannot be used: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

async function writeFile(
  { path, mode, content, shown }: Extract<Step, { kind: 'file' }>,
  isPerson: boolean,
  state: State,
  port: RegisterPort,
): Promise<void> {
  const text = port.render(content, credentialsOf(state));
  await port.files.write(path, text, { mode });
  if (isPerson) return port.log.debug(`Writing ${content} to ${shown}`);
  port.log.info(
    content === 'configuration'
      ? `SlapOS configuration written to ${shown}`
      : `Copying to '${shown}', and setting minimum privileges`,
  );
}

async function move(
  { from, to, isFormer }: Extract<Step, { kind: 'move' }>,
  run: RegisterRun,
  port: RegisterPort,
): Promise<void> {
  if (isFormer) {
    for (const name of run.occupied) port.log.info(`Slapos configuration detected in ${name}`);
    port.log.info(`Former slapos configuration detected in ${from} moving to ${to}`);
    return port.move(from, to);
  }
  try {
    await port.move(from, to);
  } catch (error) {
    await bringBack(to, run, port);
    throw error;
  }
}

/** Where the new configuration could not take its place the former one stands again. */
async function bringBack(
  place: string,
  { steps }: RegisterRun,
  { files, log, move: moveBack }: RegisterPort,
): Promise<void> {
  const former = steps.find((step) => step.kind === 'move' && step.isFormer);
  if (former?.kind !== 'move') return;
  try {
    // A move whose record in the folder could not be synced is done all the same.
    if ((await files.stat(place)) === undefined) await moveBack(former.to, former.from);
  } catch (error) {
    log.warning(`The former configuration stays in ${former.to}: ${errorMessage(error)}`);
  }
}

function credentialsOf({ credentials }: State): Credentials {
  if (credentials === undefined) throw new Error('an answer is looked at before it is used');
  return credentials;
}

/** Clears what is of no use to a later run, and tells where what is of use was kept. */
async function settle(
  error: unknown,
  { work, isNoted }: RegisterRun,
  state: State,
  port: RegisterPort,
): Promise<unknown> {
  if (state.kept === undefined) {
    const isNoteNeeded = state.isPending || (isNoted && state.answer === undefined);
    if (!isNoteNeeded) await discardWork(work, port);
    return error;
  }
  if (!isSlaposError(error)) return error;
  const advice = `the answer of the Master is kept in ${work}: run the same command again to go on without a new token, or remove that folder of ${dirname(work)} to begin anew`;
  const hint = error.hint === undefined ? advice : `${error.hint.replace(/\.$/, '')}; ${advice}`;
  return new SlaposError(error.code, error.message, {
    hint,
    cause: error,
    context: error.context,
    exitCode: error.exitCode,
  });
}
