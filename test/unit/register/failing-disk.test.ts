/** A disk that fails for a moment, or for good, where a registration has what the Master gives once. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostError } from '../../../src/errors/slapos-error.ts';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import type { HostFiles } from '../../../src/host/host.ts';
import { applyRegister, type RegisterPort } from '../../../src/register/apply.ts';
import { clearWork } from '../../../src/register/clear-work.ts';
import type { Step } from '../../../src/register/step.ts';
import { recordingLogger } from '../../support/grid-site.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'failing-disk-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const failure = () => new HostError('SLAPOS_ERR_FILE', 'Cannot do it: EIO.', { errno: 5 });
const BODY = '{"certificate": "c", "key": "-----BEGIN PRIVATE KEY-----"}';

/** Fails so many times, then works. */
function failing<Words extends readonly unknown[], Result>(
  times: number,
  call: (...words: Words) => Promise<Result>,
): (...words: Words) => Promise<Result> {
  let left = times;
  return (...words) => {
    left -= 1;
    return left >= 0 ? Promise.reject(failure()) : call(...words);
  };
}

const at = (name: string) => join(root, name);
const text = (name: string) => readFileSync(at(name), 'utf8');
const request = { method: 'POST', url: 'https://site/', body: '' } as const;
const asking: readonly Step[] = [
  { kind: 'login', site: 'https://site', login: 'token' },
  { kind: 'request', request, login: 'token' },
];

function apply(steps: readonly Step[], outside: Partial<RegisterPort>) {
  const log = recordingLogger();
  const port = {
    files: createHostFiles(),
    log,
    signal: new AbortController().signal,
    login: async () => ({ kind: 'token', token: 't' }),
    send: async () => ({
      ...{ url: 'https://site/', status: 200, contentType: 'application/json' },
      ...{ location: undefined, body: BODY, isComplete: true },
    }),
    inspect: () => {},
    render: () => '',
    ...outside,
  } as unknown as RegisterPort;
  const purpose = { nodeName: 'n', site: 'https://site' };
  const run = { purpose, work: at('work'), steps, kept: undefined, isNoted: false, occupied: [] };
  return { log, done: applyRegister(run, port) };
}

const withFiles = (changed: Partial<HostFiles>) => ({
  files: { ...createHostFiles(), ...changed },
});

test('an answer whose file cannot be written is written once more', async () => {
  mkdirSync(at('work'));
  const steps: Step[] = [
    ...asking,
    { kind: 'keep', path: at('work/answer.json') },
    { kind: 'inspect' },
  ];
  await apply(steps, withFiles({ write: failing(1, createHostFiles().write) })).done;
  expect(JSON.parse(text('work/answer.json'))).toMatchObject({ body: BODY });
  rmSync(at('work/answer.json'));
  const lost = apply(steps, withFiles({ write: failing(2, createHostFiles().write) })).done;
  await expect(lost).rejects.toMatchObject({
    message: 'What the Master gave is lost. Cannot do it: EIO.',
    hint: expect.stringContaining('revoke the certificate in the panel'),
  });
});

test('a move that is done and not synced is not undone, and its reason is told', async () => {
  const moves: Step[] = [
    { kind: 'move', from: at('etc'), to: at('etc.old'), isFormer: true },
    { kind: 'move', from: at('new'), to: at('etc'), isFormer: false },
  ];
  const begin = () => {
    for (const name of readdirSync(root)) rmSync(at(name), { recursive: true });
    writeFileSync(at('etc'), 'former');
    writeFileSync(at('new'), 'new');
  };
  const moving = (isDone: boolean) => async (from: string, to: string) => {
    if (from !== at('new') || isDone) await rename(from, to);
    if (from === at('new')) throw failure();
  };
  begin();
  await expect(apply(moves, { move: moving(true) }).done).rejects.toThrow('EIO');
  expect([text('etc'), text('etc.old')]).toEqual(['new', 'former']);
  begin();
  await expect(apply(moves, { move: moving(false) }).done).rejects.toThrow('EIO');
  expect([text('etc'), existsSync(at('etc.old'))]).toEqual(['former', false]);
});

test('a folder that stays without its answer is told; one with it is for the next run', async () => {
  const log = recordingLogger();
  const begin = () => {
    mkdirSync(at('work'), { recursive: true });
    for (const name of ['answer.json', 'key', 'lock']) writeFileSync(at(`work/${name}`), '');
  };
  const { remove } = createHostFiles();
  const only = (isFailing: (path: string) => boolean, meanwhile = () => {}) =>
    withFiles({
      remove: (path, options) => {
        if (!isFailing(path)) return remove(path, options);
        meanwhile();
        return Promise.reject(failure());
      },
    });
  const isWork = (path: string) => path === at('work');
  begin();
  await expect(clearWork(at('work'), 'answer.json', { log, ...only(isWork) })).rejects.toThrow(
    'EIO',
  );
  expect(readdirSync(at('work')).sort()).toEqual(['answer.json', 'lock']);
  const isKey = (path: string) => path === at('work/key');
  begin();
  await expect(clearWork(at('work'), 'answer.json', { log, ...only(isKey) })).rejects.toThrow(
    'EIO',
  );
  expect(existsSync(at('work/answer.json'))).toBe(true);
  await clearWork(at('work'), 'answer.json', {
    log,
    ...only(isWork, () => rmSync(at('work/answer.json'))),
  });
  expect(log.lines).toEqual([
    `WARNING ${at('work')} is of no use any more and stays: Cannot do it: EIO.`,
  ]);
});
