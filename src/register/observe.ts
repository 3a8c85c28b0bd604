/** Looks at the machine before a registration; changes nothing. */
import { dirname, join } from 'node:path';
import { lookAtPlace } from '../host/folder/place.ts';
import type { HostFiles } from '../host/host.ts';
import { findCredentials } from './answer.ts';
import type { RegisterFacts, WorkFacts } from './facts.ts';
import {
  ANSWER_NAME,
  decodeAnswer,
  decodeNote,
  type KeptAnswer,
  NOTE_NAME,
} from './kept-answer.ts';
import { type RegisterOptions, workFolderOf } from './options.ts';

/**
 * @throws HostError SLAPOS_ERR_FILE for what root may not look at; SlaposError
 *   SLAPOS_ERR_STATE_FILE for a kept answer that cannot be read
 */
export async function observeRegister(
  options: RegisterOptions,
  files: HostFiles,
  ownUid: number,
): Promise<RegisterFacts> {
  const { folder, interfaceName } = options;
  const parent = dirname(folder);
  const place = await lookAtPlace(folder);
  const isUsable = place !== undefined && place.refusal === '';
  const work = await observeWork(workFolderOf(folder), files, ownUid);
  return {
    parent: await lookAtPlace(parent),
    siblings: (await files.list(parent).catch(() => undefined)) ?? [],
    folder: place,
    hasConfig: isUsable && (await files.statTarget(join(folder, 'slapos.cfg'))) !== undefined,
    isInPlace: isUsable && (await isInPlace(folder, work.kept, files)),
    work,
    ownUid,
    isInterfaceKnown: (await files.stat(`/sys/class/net/${interfaceName}`)) !== undefined,
    closedAncestors: await listClosedAncestors(folder, files),
  };
}

/** What an earlier run left; of a folder that is not ours nothing is read. */
export async function observeWork(
  path: string,
  files: HostFiles,
  ownUid: number,
): Promise<WorkFacts> {
  const status = await files.stat(path);
  const isOurs = status?.kind === 'directory' && status.uid === ownUid;
  if (!isOurs) return { status, note: undefined, kept: undefined };
  const answerPath = join(path, ANSWER_NAME);
  return {
    status,
    note: decodeNote(await files.readText(join(path, NOTE_NAME))),
    kept: decodeAnswer(await files.readText(answerPath), answerPath),
  };
}

/** A run that was killed when all was done but the last step. */
async function isInPlace(
  folder: string,
  kept: KeptAnswer | undefined,
  files: HostFiles,
): Promise<boolean> {
  if (kept === undefined) return false;
  const [config, key, certificate] = await Promise.all(
    ['slapos.cfg', 'ssl/key', 'ssl/certificate'].map((name) => files.readText(join(folder, name))),
  );
  if (config === undefined || key === undefined || certificate === undefined) return false;
  const credentials = findCredentials(kept);
  return key === credentials?.key && certificate === credentials.certificate;
}

async function listClosedAncestors(folder: string, files: HostFiles): Promise<string[]> {
  const closed: string[] = [];
  for (let path = dirname(folder); path !== dirname(path); path = dirname(path)) {
    const status = await files.statTarget(path);
    if (status !== undefined && (status.mode & 0o001) === 0) closed.unshift(path);
  }
  return closed;
}
