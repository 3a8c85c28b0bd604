/** A renewal that ends before each thing that it does, and the next run. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { replaceTogether } from '../../../src/host/folder/replace-together.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { isKeyOf } from '../../../src/pki/certificate.ts';
import {
  applyRenewal,
  type RenewalPort,
  readRenewal,
  renewalFolderOf,
} from '../../../src/register/renew.ts';
import { type KeyPair, TestAuthority } from '../../support/test-authority.ts';

const authority = new TestAuthority();
const former = authority.issue({ commonName: 'CERTLOGIN-1-COMP-1' });

/** A pair with another key: those of tests are used again and again. */
function issue(): KeyPair {
  const pair = authority.issue({ commonName: 'CERTLOGIN-1-COMP-1' });
  return pair.key === former.key ? issue() : pair;
}

/** generate (refused), revoke, generate, then the write of what it gave. */
const ANSWER_CALL = 3;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-renew-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A Master that has one valid certificate at a time, if any. */
class SmallMaster {
  valid: KeyPair | undefined;
  given = 0;

  constructor(valid: KeyPair) {
    this.valid = valid;
  }

  generate(): Promise<KeyPair> {
    if (this.valid !== undefined) return Promise.reject(new Error('Certificate still active.'));
    this.valid = issue();
    this.given += 1;
    return Promise.resolve(this.valid);
  }

  revoke(): Promise<void> {
    this.valid = undefined;
    return Promise.resolve();
  }
}

function renewalIn(path: string) {
  const [keyFile, certFile] = [join(path, 'key'), join(path, 'certificate')];
  return { computerId: 'COMP-1', keyFile, certFile };
}

/** Runs until the end, or until the call of this number. @returns how many calls there were */
async function run(master: SmallMaster, endAt = Number.POSITIVE_INFINITY): Promise<number> {
  const renewal = renewalIn(folder);
  const files = createHostFiles();
  let calls = 0;
  const counted =
    <Words extends readonly unknown[], Result>(call: (...words: Words) => Promise<Result>) =>
    (...words: Words): Promise<Result> => {
      if (calls >= endAt) return Promise.reject(new Error('the end'));
      calls += 1;
      return call(...words);
    };
  const port: RenewalPort = {
    files: { ...files, write: counted(files.write), remove: counted(files.remove) },
    log: silentLogger,
    signal: new AbortController().signal,
    nowMs: () => Date.now(),
    generate: counted(() => master.generate()),
    revoke: counted(() => master.revoke()),
    replaceTogether: counted(replaceTogether),
    tryPair: counted((keyFile, certFile) => {
      expect(readFileSync(keyFile, 'utf8')).toBe(master.valid?.key);
      expect(readFileSync(certFile, 'utf8')).toBe(master.valid?.certificate);
      return Promise.resolve();
    }),
  };
  await files.mkdir(renewalFolderOf(renewal), { mode: 0o700 });
  await applyRenewal(renewal, await readRenewal(renewal, files), port);
  return calls;
}

test('wherever it ends, the next run completes it', async () => {
  const prepare = () => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'key'), former.key);
    writeFileSync(join(folder, 'certificate'), former.certificate);
    return new SmallMaster(former);
  };
  const count = await run(prepare());
  expect(count).toBe(13);
  for (let endAt = 0; endAt < count; endAt += 1) {
    const master = prepare();
    await expect(run(master, endAt), `before call ${endAt}`).rejects.toThrow('the end');
    await run(master);
    const [key, certificate] = ['key', 'certificate'].map((name) => {
      return readFileSync(join(folder, name), 'utf8');
    }) as [string, string];
    expect({ key, certificate }, `before call ${endAt}`).toEqual(master.valid);
    expect(isKeyOf(key, certificate)).toBe(true);
    expect(readFileSync(join(folder, 'key.old'), 'utf8')).toBe(former.key);
    expect(readFileSync(join(folder, 'certificate.old'), 'utf8')).toBe(former.certificate);
    expect(readdirSync(folder).sort()).toEqual([
      'certificate',
      'certificate.old',
      'key',
      'key.old',
    ]);
    // Asked again only where the answer was not on disk yet.
    expect(master.given, `before call ${endAt}`).toBe(endAt === ANSWER_CALL ? 2 : 1);
  }
});
