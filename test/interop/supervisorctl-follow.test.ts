/** What the stock supervisorctl shows while it goes on: followed logs, the foreground, passwords. */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import { findPeers, mask, OUR_SUPERVISORD, PeerDaemon } from '../support/supervisor-peers.ts';
import { MAIN, PROGRAMS } from '../support/supervisor-programs.ts';
import { type CommandResult, runCommand } from '../support/supervisor-run.ts';

/** A socket that wants a password, with the client's in the file or not. */
const SECURED = MAIN.replace('chmod=0700', 'chmod=0700\nusername=u\npassword=p');

interface Following {
  readonly words: readonly string[];
  /** Typed after a second. */
  readonly input?: string;
  /** Appended to a log after a second. */
  readonly append?: readonly [file: string, text: string];
}

/** Runs a program for three seconds, then sends what Ctrl-C sends. */
async function follow(program: string, daemon: PeerDaemon, what: Following) {
  const child = spawn(program, ['-c', daemon.configuration, ...what.words], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', PYTHONUNBUFFERED: '1' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  await sleep(1500);
  if (what.append !== undefined) appendFileSync(join(daemon.root, what.append[0]), what.append[1]);
  if (what.input !== undefined) child.stdin.write(what.input);
  await sleep(2500);
  child.kill('SIGINT');
  child.stdin.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  const status = await ended;
  clearTimeout(timer);
  return { status, stdout: mask(stdout, daemon.root), stderr: mask(stderr, daemon.root) };
}

const FOLLOWED: ReadonlyArray<readonly [string, Following]> = [
  ['tail -f', { words: ['tail', '-f', 'g:err'], append: ['err.out', 'more\n'] }],
  ['tail -f stderr', { words: ['tail', '-f', 'g:err', 'stderr'], append: ['err.err', 'more\n'] }],
  ['tail -f of nothing', { words: ['tail', '-f', 'nope'] }],
  ['tail -f without a log', { words: ['tail', '-f', 'silent'] }],
  ['fg', { words: ['fg', 'cat'], input: 'typed\n' }],
];

const [missing] = missingFacilities(['root', 'netns']);
const peers = missing === undefined ? findPeers() : [];

describe.skipIf(peers.length === 0)(
  `the stock supervisorctl${peers.length > 0 ? '' : ` [skipped: ${missing?.reason ?? 'not installed'}]`}`,
  () => {
    describe.each(peers)('of $title', ({ supervisord, supervisorctl }) => {
      const daemons = [[supervisord], OUR_SUPERVISORD].map(
        (command) => new PeerDaemon(command, PROGRAMS),
      );

      beforeAll(async () => {
        for (const daemon of daemons) {
          await daemon.start();
          await daemon.client.call('supervisor.startProcess', 'g:err');
          await daemon.client.call('supervisor.startProcess', 'cat');
          await daemon.client.call('supervisor.startProcess', 'silent');
        }
        await sleep(500);
      });
      afterAll(() => Promise.all(daemons.map((daemon) => daemon.stop())));

      it.each(FOLLOWED)('shows the same with %s', async (_, what) => {
        const [theirs, ours] = await Promise.all(
          daemons.map((daemon) => follow(supervisorctl, daemon, what)),
        );
        expect(ours).toEqual(theirs);
        if (what.append !== undefined) expect(ours?.stdout).toContain('more\n');
        if (what.input !== undefined) expect(ours?.stdout).toContain('typed\n');
      });
    });

    describe.each(peers)('of $title with a password', ({ supervisord, supervisorctl }) => {
      const daemons = [[supervisord], OUR_SUPERVISORD].map(
        (command) => new PeerDaemon(command, { ...PROGRAMS, 'main.conf': SECURED }),
      );
      const both = (...words: string[]): Promise<CommandResult[]> =>
        Promise.all(
          daemons.map(async (daemon) => {
            const result = await runCommand(supervisorctl, ['-c', daemon.configuration, ...words]);
            return { ...result, stdout: mask(result.stdout, daemon.root) };
          }),
        );

      beforeAll(async () => {
        for (const daemon of daemons) {
          daemon.login('u', 'p');
          await daemon.start();
          await daemon.awaitState('auto', 'RUNNING');
        }
      });
      afterAll(() => Promise.all(daemons.map((daemon) => daemon.stop())));

      it.each([
        ['status'],
        ['status', 'auto'],
        ['pid'],
        ['start', 'auto'],
        ['tail', 'auto'],
        ['-u', 'u', '-p', 'p', 'status', 'auto'],
        ['-u', 'u', '-p', 'wrong', 'status', 'auto'],
        ['-u', 'u', '-p', 'p', 'tail', 'auto'],
        ['-u', 'u', '-p', 'p', 'avail'],
        ['-u', 'u', '-p', 'p', 'stop', 'auto'],
      ])('says the same: %j', async (...words) => {
        const [theirs, ours] = await both(...words);
        expect(ours).toEqual(theirs);
      });
    });
  },
);
