/**
 * Upstream's StandaloneSlapOS, which development environments and the tests of software releases
 * embed, with our `slapos` and our supervisord in the place of its own, as an ordinary user.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { copyInteropRelease, findInteropPython } from '../support/interop-release.ts';

const FOLDER = '/srv/standalone';
const USER = 4300;
/** For a machine that does something else too. */
const TIMEOUT_MS = 180_000;
const ADDRESS = '2001:db8:b::1';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';

describe.skipIf(note !== '')(`StandaloneSlapOS${note}`, { timeout: TIMEOUT_MS }, () => {
  let url: string;

  beforeAll(() => {
    execFileSync('ip', ['-6', 'address', 'add', `${ADDRESS}/128`, 'dev', 'lo', 'nodad']);
    execFileSync('useradd', ['--uid', String(USER), '--home-dir', FOLDER, 'developer']);
    for (const path of [FOLDER, join(FOLDER, 'base')]) {
      mkdirSync(path);
      chownSync(path, USER, USER);
    }
    url = copyInteropRelease(join(FOLDER, 'release'));
  });
  afterAll(() => {
    rmSync(FOLDER, { recursive: true });
    execFileSync('userdel', ['developer']);
    execFileSync('ip', ['-6', 'address', 'del', `${ADDRESS}/128`, 'dev', 'lo']);
  });

  it('supplies, requests, destroys and removes with our programs', async () => {
    const bin = join(packageRoot(), 'bin');
    const support = join(packageRoot(), 'test', 'support');
    const words = ['upstream.py', 'standalone.py'].map((name) => join(support, name));
    const { stdout } = await promisify(execFile)(
      python,
      [...words, join(FOLDER, 'base'), join(bin, 'slapos'), url, ADDRESS],
      {
        cwd: FOLDER,
        uid: USER,
        gid: USER,
        env: {
          HOME: FOLDER,
          PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`,
          LANG: 'C.UTF-8',
        },
        timeout: TIMEOUT_MS - 10_000,
      },
    );
    expect(JSON.parse(stdout)).toEqual({
      connection: ['secret', 'token', 'url'],
      page: 'front says hello to backend',
      processes: [
        ['slappart0', 'web', 'RUNNING'],
        ['slappart1', 'greet', 'EXITED'],
        ['watchdog', 'watchdog', 'RUNNING'],
      ],
      states: ['started', 'started', 'destroyed'],
      left: ['.slapos-resource'],
      software: [],
    });
  });
});
