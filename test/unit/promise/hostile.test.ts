/** Partitions that attack the node through the files and the processes of their promises. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runPromises } from '../../../src/promise/run-promises.ts';
import { createPromiseSite, type PromiseSite } from '../../support/promise-site.ts';

const PYTHON = '/usr/bin/python3';
const senses = (...lines: readonly string[]) =>
  `    def sense(self):\n${lines.map((line) => `        ${line}\n`).join('')}`;

describe.skipIf(!existsSync(PYTHON))('hostile files', () => {
  let site: PromiseSite;
  const state = (path: string) => join(site.path, '.slapgrid/promise', path);

  beforeEach(() => {
    site = createPromiseSite({ timeoutSeconds: 15 });
    site.write('etc/promise/check', '#!/bin/sh\necho fine\n', 0o755);
    site.write('etc/promise/other', '#!/bin/sh\necho fine\n', 0o755);
    for (const folder of ['result', 'cache', 'log'])
      site.write(`.slapgrid/promise/${folder}/x`, '');
  });
  afterEach(() => site.remove());

  it.each<[string, (path: string) => void]>([
    ['a link', (path) => symlinkSync('/etc/passwd', path)],
    ['a fifo', (path) => void spawnSync('mkfifo', [path])],
    [
      'a huge file',
      (path) => {
        writeFileSync(path, '{');
        truncateSync(path, 1 << 30);
      },
    ],
    ['deep JSON', (path) => writeFileSync(path, '[{"a":'.repeat(20_000))],
    ['JSON of another shape', (path) => writeFileSync(path, 'null')],
  ])('replaces %s in the place of a result and of a schedule', async (_kind, plant) => {
    for (const path of [state('result/check.status.json'), state('cache/check')]) plant(path);
    expect(await site.run('anomaly')).toBeUndefined();
    expect(site.result('check').result).toMatchObject({ failed: false, message: 'fine' });
    expect(site.cache('check').periodicity).toBe(2);
    const before = site.commandCount();
    expect(await site.run('anomaly')).toBeUndefined();
    expect(site.commandCount()).toBe(before);
    expect(readFileSync('/etc/passwd', 'utf8')).toContain('root');
  });

  it.each<[string, (path: string) => void]>([
    ['a link', (path) => symlinkSync('/etc/passwd', path)],
    ['a fifo', (path) => void spawnSync('mkfifo', [path])],
    ['a folder', (path) => mkdirSync(path)],
  ])('lets %s in the place of a log fail one promise only', async (_kind, plant) => {
    plant(state('log/check.log'));
    expect(await site.run('test')).toMatch(
      /^Promise 'check' failed with output: Error: Cannot use/,
    );
    expect(site.result('other').result.message).toBe('fine');
    expect(readFileSync('/etc/passwd', 'utf8')).not.toContain('fine');
  });

  it('takes the first thousand of any number of promises', async () => {
    for (let index = 0; index < 1100; index += 1) {
      site.write(`etc/promise/x${String(index).padStart(4, '0')}`, '', 0o644);
    }
    expect(await site.run('anomaly')).toBeUndefined();
    const bad = site.log.lines.filter((line) => line.includes('Bad promise file'));
    expect(bad.length).toBe(998);
    expect(site.log.lines[0]).toBe(
      `WARNING ${site.path}/etc/promise holds 1102 files: only the first 1000 are looked at.`,
    );
  });

  it('reads only the end of a log that is one line of a gigabyte', async () => {
    site.plugin(
      'plug.py',
      `${senses('pass')}    def test(self):\n        return self._test(3, 1)\n`,
    );
    for (const title of ['check', 'plug']) {
      writeFileSync(state(`log/${title}.log.1`), '');
      truncateSync(state(`log/${title}.log.1`), 1 << 30);
    }
    const started = performance.now();
    expect(await site.run('test')).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(site.result('plug').result.message).toBe('No result found!');
    expect(site.result('check').result.message).toBe('fine');
  });

  it.each(['result', 'cache', 'log', ''])(
    'refuses a link as folder .slapgrid/promise/%s',
    async (name) => {
      const outside = join(site.root, 'outside');
      mkdirSync(outside);
      rmSync(state(name), { recursive: true });
      symlinkSync(outside, state(name).replace(/\/$/, ''));
      await expect(runPromises(site.context(), site.check('test'))).rejects.toMatchObject({
        code: 'SLAPOS_ERR_UNSAFE_PATH',
      });
      expect(spawnSync('ls', ['-A', outside], { encoding: 'utf8' }).stdout).toBe('');
    },
  );
});

describe.skipIf(!existsSync(PYTHON))('hostile plugins', () => {
  let site: PromiseSite;

  beforeEach(() => {
    site = createPromiseSite({ timeoutSeconds: 15 });
  });
  afterEach(() => site.remove());

  it('may kill the runner, but not the launch, and nothing of them goes on', async () => {
    site.plugin(
      'a-killer.py',
      senses('import os, time', 'time.sleep(0.5)', 'os.kill(os.getppid(), 9)', 'time.sleep(60)'),
    );
    site.plugin(
      'b-slow.py',
      senses("import os, time; open('pid', 'w').write(str(os.getpid()))", 'time.sleep(60)'),
    );
    expect(await site.run('test')).toContain('Error: No output returned by the promise');
    expect(site.result('b-slow').result.failed).toBe(true);
    expect(existsSync(`/proc/${site.read('pid')}/exe`)).toBe(false);
  });

  it('may print as much as they like: our log takes a mebibyte', async () => {
    site.plugin(
      'loud.py',
      senses("print(('z' * 1000 + '\\n') * 20000)", "self.logger.info('done')"),
    );
    site.plugin('long.py', senses("print('z' * (8 << 20))", "self.logger.info('done')"));
    expect(await site.run('test')).toBeUndefined();
    const printed = site.log.lines.filter((line) => line.includes('zzz')).join('');
    expect(printed.length).toBeLessThan(1.2 * 1024 * 1024);
    expect(site.log.lines.join('\n')).toContain('print too much: the rest is left out.');
  });

  it('are heard through their own messages only, of bounded size', async () => {
    const forged =
      '{"event": "result", "name": "victim.py", "type": "Test Result", "failed": true}';
    site.plugin(
      'forger.py',
      senses(
        'import os',
        `line = b'''${forged}\\n'''`,
        'for fd in range(3, 64):',
        '    try: os.write(fd, line * 3000)',
        '    except OSError: pass',
        "self.logger.info('mine')",
      ),
    );
    site.plugin('victim.py', senses("self.logger.info('fine')"));
    await site.run('test');
    expect(site.result('victim').result).toMatchObject({ failed: false, message: 'fine' });
  });

  it('may have any type of message and of schedule', async () => {
    site.plugin(
      'object.py',
      `${senses('pass')}    def test(self):\n        return TestResult(True, {'a': [b'\\xff']})\n`,
    );
    site.plugin('surrogate.py', senses("self.logger.error('\\udcff')"));
    site.plugin(
      'endless.py',
      `    def __init__(self, config):\n        GenericPromise.__init__(self, config)\n        self.setPeriodicity(float('inf'))\n${senses("self.logger.info('fine')")}`,
    );
    site.plugin(
      'never.py',
      `    def __init__(self, config):\n        GenericPromise.__init__(self, config)\n        self.setPeriodicity(0)\n${senses('pass')}`,
    );
    await site.run('test');
    expect(site.result('object').result.message).toBe("{'a': [b'\\xff']}");
    expect(site.result('surrogate').result.failed).toBe(true);
    expect(site.result('endless').result.message).toBe('fine');
    expect(site.exists('.slapgrid/promise/cache/endless')).toBe(false);
    expect(site.result('never').result.message).toBe('Error: No output returned by the promise');
    expect(site.read('.slapgrid/promise/log/never.log')).toContain('ValueError');
  });
});
