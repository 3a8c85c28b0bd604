/** The folder between request and configuration: may it be used, and for whom. Pure. */
import { PlanError, SlaposError } from '../errors/slapos-error.ts';
import type { Place } from '../host/folder/place.ts';
import type { WorkFacts } from './facts.ts';
import { ANSWER_NAME, NOTE_NAME, type Purpose } from './kept-answer.ts';
import type { Step } from './step.ts';
import type { WebRequest } from './web-request.ts';

/** What the files of a registration need at most, many times over. */
const NEEDED_BYTES = 1024 * 1024;

/**
 * @throws PlanError when nothing can be created in a folder; SlaposError SLAPOS_ERR_NO_SPACE
 */
export function checkPlace(path: string, place: Place | undefined): void {
  if (place === undefined) {
    throw new PlanError('SLAPOS_ERR_CONFIG_FILE', `Directory '${path}' does not exist.`, {
      hint: 'Create it first; nothing was sent to the Master.',
      context: { path },
    });
  }
  if (place.refusal !== '') {
    throw new PlanError('SLAPOS_ERR_FILE', `Cannot write in ${path}: ${place.refusal}.`, {
      hint: 'Check its permissions and how it is mounted; nothing was sent to the Master.',
      context: { path },
    });
  }
  if (place.freeBytes >= NEEDED_BYTES) return;
  throw new SlaposError('SLAPOS_ERR_NO_SPACE', `No space is left on the disk of ${path}.`, {
    hint: 'Free some; nothing was sent to the Master.',
    context: { path },
  });
}

/**
 * Refuses a folder that somebody else could look into, and an answer that is for something else.
 * @throws PlanError
 */
export function checkWork(path: string, work: WorkFacts, purpose: Purpose, ownUid: number): void {
  const { status, kept } = work;
  if (status === undefined) return;
  const isPrivate = status.kind === 'directory' && status.uid === ownUid && !(status.mode & 0o077);
  if (!isPrivate) {
    throw new PlanError('SLAPOS_ERR_UNSAFE_PATH', `${path} is not a private folder of this user.`, {
      hint: 'Find out who put it there, and remove it.',
      context: { path },
    });
  }
  if (kept === undefined) return;
  if (kept.nodeName === purpose.nodeName && kept.site === purpose.site) return;
  const name = kept.nodeName === '' ? '' : ` for node "${kept.nodeName}"`;
  throw new PlanError(
    'SLAPOS_ERR_REGISTRATION',
    `${path} keeps what ${kept.site} answered${name} to a run that was not completed.`,
    { hint: 'Register that again to complete it, or remove the folder.', context: { path } },
  );
}

/** The steps from the request to the answer that is safe on disk and looked at. */
export function planRequest(
  path: string,
  request: WebRequest,
  login: 'password' | 'token',
): readonly Step[] {
  return [
    { kind: 'folder', path, mode: 0o700, shown: path },
    { kind: 'note', path: `${path}/${NOTE_NAME}` },
    { kind: 'request', request, login },
    { kind: 'keep', path: `${path}/${ANSWER_NAME}` },
  ];
}
