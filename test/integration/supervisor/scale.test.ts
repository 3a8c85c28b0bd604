/** Many services, services that print without end, and file systems that do not answer. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rotateProgramLog } from '../../../src/host/log/program-log.ts';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import type { CallStatus } from '../../../src/supervisor/client.ts';
import { SupervisorClient } from '../../../src/supervisor/client.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import { readUsage } from '../../support/load-look.ts';
import { requires } from '../../support/requires.ts';
import { SERVICE_UID, SupervisorRun, until } from '../../support/supervisor-run.ts';

const SLEEP = '/bin/sleep 1000';

/** A mount whose server never answers: whoever looks into it waits until it is closed. */
class DeadFileSystem {
  readonly path: string;
  readonly #server = openSync('/dev/fuse', 'r+');

  constructor(path: string) {
    this.path = path;
    mkdirSync(path);
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
    const run = spawnSync('mount', ['-i', '-t', 'fuse', 'dead', path, '-o', options], {
      stdio: ['ignore', 'pipe', 'pipe', this.#server],
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`mount: ${run.stderr}`);
  }

  /** From now on everything there fails. */
  close(): void {
    closeSync(this.#server);
    spawnSync('umount', ['-l', this.path]);
  }
}

requires('root', 'netns')('supervisor', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.launch();
  });

  afterEach(() => run.stop());

  function names(count: number): string[] {
    return Array.from({ length: count }, (_, index) => `s${index}`);
  }

  function writePlainGroup(group: string, more: Record<string, string>): void {
    run.writeGroup(group, Object.fromEntries(names(10).map((name) => [name, SLEEP])));
    const path = join(run.paths.groupFolder, `${group}.conf`);
    let text = readFileSync(path, 'utf8');
    for (const [key, value] of Object.entries(more)) {
      text = text.replace(new RegExp(`^${key}=.*$`, 'gm'), `${key}=${value}`);
    }
    writeFileSync(path, text);
  }

  it.skipIf(!existsSync('/dev/fuse')).each([
    ['command', (folder: string) => ({ command: `${folder}/program` })],
    ['directory', (folder: string) => ({ directory: `${folder}/home` })],
  ])('is not held up by a %s on a file system that does not answer', async (_, change) => {
    const dead = new DeadFileSystem(join(run.root, 'dead'));
    const waiting = new SupervisorClient(run.paths.socket);
    try {
      writePlainGroup('dead', change(dead.path));
      run.writeGroup('good', Object.fromEntries(names(20).map((name) => [name, SLEEP])));
      await updateGroups(run.client, silentLogger);
      const held = waiting.call('supervisor.startProcessGroup', 'dead', true);
      held.catch(() => {});
      await sleep(200);
      const startMs = performance.now();
      const started = await run.client.call<CallStatus[]>(
        'supervisor.startProcessGroup',
        'good',
        true,
      );
      expect(performance.now() - startMs).toBeLessThan(3000);
      expect(started.map(({ status }) => status)).toEqual(names(20).map(() => 80));
      dead.close();
      await held;
    } finally {
      waiting.close();
    }
  });

  it('takes 10,000 programs and still answers at once', async () => {
    const programs = Object.fromEntries(names(10).map((name) => [name, SLEEP]));
    for (let group = 0; group < 1000; group += 1) run.writeGroup(`slappart${group}`, programs);
    const { added } = await updateGroups(run.client, silentLogger);
    expect(added.length).toBe(1000);
    expect((await run.services()).length).toBe(10_000);
    const startMs = performance.now();
    await run.client.call('supervisor.startProcessGroup', 'slappart77', true);
    await run.client.call('supervisor.reloadConfig');
    expect(performance.now() - startMs).toBeLessThan(2000);
    const { stdout } = await run.ctl('status', 'slappart77:*');
    expect(stdout.match(/RUNNING/g)?.length).toBe(10);
  }, 120_000);

  it('leaves no memory behind in the keeper that takes over many services', async () => {
    const programs = Object.fromEntries(names(10).map((name) => [name, SLEEP]));
    for (let group = 0; group < 60; group += 1) run.writeGroup(`slappart${group}`, programs);
    await updateGroups(run.client, silentLogger);
    await run.client.call('supervisor.startAllProcesses', true);
    const before = readUsage(run.pid).rssBytes;
    await run.upgrade();
    expect((await run.services()).map(({ statename }) => statename)).toEqual(
      Array.from({ length: 600 }, () => 'RUNNING'),
    );
    const isBack = () => readUsage(run.pid).rssBytes < before + 1024 * 1024 || undefined;
    await until(isBack, 'the memory of the keeper to be given back');
  }, 120_000);

  function buildService(folder: string): string {
    const program = join(folder, 'service');
    const source = join(packageRoot(), 'bench', 'native', 'service.c');
    expect(spawnSync('cc', ['-O2', '-o', program, source]).status).toBe(0);
    return program;
  }

  /** The numbers of the whole lines that are left, oldest first, and how many lines are torn. */
  function readNumbers(log: string): { numbers: number[]; torn: number } {
    let text = '';
    for (let number = 100; number >= 0; number -= 1) {
      const path = number === 0 ? log : `${log}.${number}`;
      if (existsSync(path)) text += readFileSync(path, 'latin1');
    }
    const lines = text.split('\n').slice(0, -1);
    const whole = lines.filter((line) => {
      return /^flood \d{12} the quick brown fox jumps over the lazy dog and comes back$/.test(line);
    });
    const numbers = whole.map((line) => Number(line.slice(6, 18)));
    return { numbers, torn: lines.length - whole.length };
  }

  it.each([['/var/tmp'], ['/dev/shm']])(
    'rotates the log of a service that prints 10,000 lines a second on %s',
    async (parent) => {
      const folder = mkdtempSync(join(parent, 'slapos-flood-'));
      try {
        chmodSync(folder, 0o755);
        chownSync(folder, SERVICE_UID, SERVICE_UID);
        const log = join(folder, 'log');
        const program = buildService(run.root);
        run.writeGroup('g', { flood: `${program} /none flood 10000 flood` });
        const path = join(run.paths.groupFolder, 'g.conf');
        const text = readFileSync(path, 'utf8')
          .replace(/^stdout_logfile=.*$/m, `stdout_logfile=${log}`)
          .replace('logfile_backups=1', 'logfile_backups=100');
        writeFileSync(path, text);
        await updateGroups(run.client, silentLogger);
        await run.client.call('supervisor.startProcess', 'g:flood', true);
        await until(() => (existsSync(`${log}.8`) ? true : undefined), '8 rotations', 40_000);
        await run.client.call('supervisor.stopProcess', 'g:flood', true);
        const { numbers, torn } = readNumbers(log);
        const isRising = numbers.every(
          (number, index) => index === 0 || number > (numbers[index - 1] ?? 0),
        );
        expect(isRising).toBe(true);
        const lost = (numbers.at(-1) ?? 0) + 1 - numbers.length;
        const way = await rotateProgramLog(log, { maxBytes: 1, backups: 100 });
        // Where blocks can be taken out of a file nothing is lost; elsewhere hardly anything.
        if (way === 'truncated') expect(lost).toBeLessThan(numbers.length / 1000);
        else expect({ lost, torn }).toEqual({ lost: 0, torn: 0 });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    60_000,
  );
});
