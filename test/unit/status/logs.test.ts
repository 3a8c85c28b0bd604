/** Logs by name, in folders whose owner may have put anything there. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChangedLogEnd } from '../../../src/host/log/log-end.ts';
import { listLogs, readLog } from '../../../src/status/logs.ts';
import { readPromiseHistory } from '../../../src/status/promise-history.ts';
import type { StatusSources } from '../../../src/status/sources.ts';
import {
  fakeSupervisor,
  PROMISE_LOGS,
  processInfo,
  StatusSite,
} from '../../support/status-site.ts';

const DATE = '2026-11-20 23:32:12';
const FOLDER = `slappart0/${PROMISE_LOGS}`;

describe('logs of a partition', () => {
  let site: StatusSite;
  let sources: StatusSources;

  const service = (name: string, stdout: string, stderr = stdout) =>
    processInfo({ name, stdout_logfile: stdout, stderr_logfile: stderr });

  beforeEach(() => {
    site = new StatusSite();
    const home = site.path('slappart0');
    const processes = [
      service('httpd', `${home}/.slappart0_httpd.log`),
      service('two', `${home}/out.log`, `${home}/err.log`),
      service('outside', '/var/log/syslog'),
      service('neighbour', site.path('slappart01/secret')),
      service('above', `${home}/../secret`),
      service('none', ''),
      processInfo({ group: 'slappart1', name: 'other', stdout_logfile: `${home}/1.log` }),
    ];
    const answers = {
      'slapos.getChanges': () => ({ token: 'a.1', full: true, processes, removed: [] }),
    };
    sources = site.open({ openSupervisor: () => fakeSupervisor(answers) });
    site.write('secret', 'secret\n');
    site.write('slappart01/secret', 'secret\n');
    mkdirSync(site.path(FOLDER), { recursive: true });
  });
  afterEach(() => site.remove());

  const read = (name: string, maxLines?: number) => readLog(sources, 'slappart0', name, maxLines);

  it('have names', async () => {
    site.write(`${FOLDER}/check.log`, '');
    site.write(`${FOLDER}/check.log.1`, '');
    site.write(`${FOLDER}/k.dot.log`, '');
    expect(await listLogs(sources, 'slappart0')).toEqual([
      'instance',
      'instance-error',
      'service:above',
      'service:httpd',
      'service:two',
      'service:two:stderr',
      'promise:check',
      'promise:k.dot',
    ]);
    for (const name of ['slappart01', 'var', '..', 'slappart0/../slappart0', '', 'slappart0\0']) {
      expect(await listLogs(sources, name)).toEqual([]);
    }
  });

  it('give their last lines', async () => {
    expect(await read('service:httpd')).toEqual({
      lines: [],
      isCut: false,
      problem: 'It was not written yet.',
    });
    site.write('slappart0/.slappart0_httpd.log', 'one\ntwo\r\n\nth\xffree');
    expect(await read('service:httpd')).toEqual({
      lines: ['one', 'two\r', '', 'thÿree'],
      isCut: false,
      problem: '',
    });
    expect(await read('service:httpd', 2)).toEqual({
      lines: ['', 'thÿree'],
      isCut: true,
      problem: '',
    });
    site.write('slappart0/out.log', Buffer.from([0x61, 0xff, 0x0a, 0xe2, 0x82, 0x0a]));
    expect((await read('service:two'))?.lines).toEqual(['a\ufffd', '\ufffd']);
    expect((await read('service:two:stderr'))?.lines).toEqual([]);
  });

  it('are read from the end, and no more than 64 KiB', async () => {
    const log = site.write('slappart0/out.log', '');
    truncateSync(log, 2 ** 40);
    appendFileSync(log, `\n${'x'.repeat(1000)}\nlast\n`);
    const end = await read('service:two');
    expect(end?.lines.slice(-2)).toEqual(['x'.repeat(1000), 'last']);
    expect(end?.isCut).toBe(true);
    site.write('slappart0/out.log', `${'é'.repeat(50_000)}x`);
    const cut = await read('service:two');
    expect(cut?.lines).toHaveLength(1);
    expect(cut?.lines[0]).toMatch(/^é+x$/);
    expect(Buffer.byteLength(cut?.lines[0] ?? '')).toBeLessThanOrEqual(64 * 1024);
    site.write('slappart0/out.log', '\n'.repeat(64 * 1024));
    expect((await read('service:two', 1e9))?.lines).toHaveLength(1000);
  });

  it.each([
    'secret',
    '../secret',
    'service:../../secret',
    'promise:../../../../secret',
    '.slappart0_httpd.log',
    '/etc/passwd',
    'toString',
    '__proto__',
    '',
  ])('are not found by %j', async (name) => {
    expect(await read(name)).toBeUndefined();
  });

  it('lead nowhere by links, other names, folders and fifos', async () => {
    const names = ['absolute', 'beneath', 'hard', 'folder', 'fifo', 'gone'];
    symlinkSync(site.path('secret'), site.path(FOLDER, 'absolute.log'));
    symlinkSync('../../../../secret', site.path(FOLDER, 'beneath.log'));
    linkSync(site.path('slappart01/secret'), site.path(FOLDER, 'hard.log'));
    mkdirSync(site.path(FOLDER, 'folder.log'));
    execFileSync('mkfifo', [site.path(FOLDER, 'fifo.log')]);
    symlinkSync('/nowhere', site.path(FOLDER, 'gone.log'));
    for (const name of names) {
      const found = await read(`promise:${name}`);
      expect([name, found?.lines, found?.problem.split(':')[0]]).toEqual([
        name,
        [],
        expect.stringContaining('Cannot use'),
      ]);
    }
    expect(await readPromiseHistory(sources, 'slappart0')).toEqual({});
    // Also a path of the supervisor may lead out.
    expect((await read('service:above'))?.lines).toEqual([]);
  });

  it('lead nowhere by a folder that is a link', async () => {
    site.write('elsewhere/promise/log/check.log', 'secret\n');
    mkdirSync(site.path('slappart1'));
    symlinkSync('../elsewhere', site.path('slappart1/.slapgrid'));
    expect(await listLogs(sources, 'slappart1')).not.toContain('promise:check');
    expect(await readPromiseHistory(sources, 'slappart1')).toEqual({});
    symlinkSync('elsewhere', site.path('slappart2'));
    site.write('elsewhere/.slapgrid/log/instance.log', 'secret\n');
    expect((await readLog(sources, 'slappart2', 'instance'))?.lines).toEqual([]);
  });

  it('of promises tell their history, from old to new', async () => {
    const line = (time: number, level: string, text: string) =>
      `2026-11-20 23:32:12 - ${level} - ${time}-123 - ${text}\n`;
    const old = Array.from({ length: 60 }, (_, index) => line(1_795_000_000 + index, 'INFO', 'ok'));
    site.write(
      `${FOLDER}/check.log`,
      `garbage\n${old.join('')}${line(1_795_217_532, 'ERROR', 'bad\nvery \x1b[31mbad')}`,
    );
    site.write(`${FOLDER}/empty.log`, 'nothing of a run\n');
    site.write(`${FOLDER}/large.log`, `${'x'.repeat(100_000)}\n${line(1_795_217_532, 'INFO', '')}`);
    site.write(`${FOLDER}/odd.log`, line(9_000_000_000_000, 'ERROR', 'beyond all dates'));
    site.write(`${FOLDER}/odder.log`, line(1, 'INFO', '').replace(' 1-', ` ${'9'.repeat(400)}-`));
    const history = await readPromiseHistory(sources, 'slappart0');
    expect(Object.keys(history)).toEqual(['check', 'large', 'odd', 'odder']);
    for (const name of ['odd', 'odder']) expect(history[name]).toMatchObject([{ atMs: 0 }]);
    expect(history['check']).toHaveLength(50);
    expect(history['check']?.slice(-2)).toEqual([
      { title: 'check', hasFailed: false, message: 'ok', atMs: 1_795_000_059_000, executionS: 0 },
      {
        title: 'check',
        hasFailed: true,
        message: 'bad\nvery \x1b[31mbad',
        atMs: 1_795_217_532_000,
        executionS: 0,
      },
    ]);
    expect(await readPromiseHistory(sources, '../slappart0')).toEqual({});
  });

  it('of promises tell no more than 256 Ki characters, the newest of all', async () => {
    const write = (title: string, texts: readonly string[]) => {
      const lines = texts.map(
        (text, run) => `${DATE} - ERROR - ${1_795_000_000 + run}-123 - ${text}`,
      );
      site.write(`${FOLDER}/${title}.log`, `${lines.join('\n')}\n`);
    };
    const long = Array.from({ length: 50 }, (_, run) => `${run} ${'\u0001'.repeat(500)}`);
    for (let index = 100; index < 180; index += 1) write(`long-${index}`, long);
    write('short', ['1', '2', '3']);
    write('too-long', [`1 ${'\u0001'.repeat(5000)}`]);
    const history = await readPromiseHistory(sources, 'slappart0');
    const length = JSON.stringify(Object.values(history).flat()).length;
    expect(length).toBeGreaterThan(250 * 1024);
    expect(length).toBeLessThan(257 * 1024);
    expect(Object.keys(history)).toHaveLength(81);
    expect(history['long-100']?.at(-1)?.message).toMatch(/^49 /);
    expect(history['short']?.at(-1)?.message).toBe('3');
    expect(history['too-long']).toBeUndefined();
  });

  it('of promises are read again when they have changed', async () => {
    const line = (text: string) => `${DATE} - INFO - 1795000000-123 - ${text}\n`;
    const read: string[] = [];
    const counting = site.open({
      readChangedLogEnd: async (root, path, ...more) => {
        const end = await readChangedLogEnd(root, path, ...more);
        if (end !== 'unchanged') read.push(path.slice(FOLDER.length + 1));
        return end;
      },
    });
    const messages = async () => {
      const history = await readPromiseHistory(counting, 'slappart0');
      return Object.values(history).map((runs) => runs.at(-1)?.message);
    };
    utimesSync(site.write(`${FOLDER}/a.log`, line('one')), 1000, 1000);
    site.write(`${FOLDER}/b.log`, line('two'));
    expect(await messages()).toEqual(['one', 'two']);
    expect(await messages()).toEqual(['one', 'two']);
    expect(read.sort()).toEqual(['a.log', 'b.log']);
    // Replaced by one of the same size and time.
    utimesSync(site.write(`${FOLDER}/other`, line('six')), 1000, 1000);
    renameSync(site.path(FOLDER, 'other'), site.path(FOLDER, 'a.log'));
    appendFileSync(site.path(FOLDER, 'b.log'), line('three').replace('000-', '001-'));
    expect(await messages()).toEqual(['six', 'three']);
    expect(read.slice(2).sort()).toEqual(['a.log', 'b.log']);
    rmSync(site.path(FOLDER, 'a.log'));
    expect(await messages()).toEqual(['three']);
    // What is remembered is of a few partitions.
    for (const index of [1, 2, 3, 4]) await readPromiseHistory(counting, `slappart${index}`);
    read.length = 0;
    expect(await messages()).toEqual(['three']);
    expect(read).toEqual(['b.log']);
  });
});
