/** "Known weaknesses upstream" of spec/promise.md, each with what ours does instead. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runPromises } from '../../../src/promise/run-promises.ts';
import { createPromiseSite, type PromiseSite } from '../../support/promise-site.ts';

const PYTHON = '/usr/bin/python3';
const senses = (...lines: readonly string[]) =>
  `    def sense(self):\n${lines.map((line) => `        ${line}\n`).join('')}`;
const DETACH =
  "import subprocess; open('%s', 'w').write(str(subprocess.Popen(['/bin/sleep', '600'], start_new_session=True).pid))";

function isRunning(pid: string): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

describe.skipIf(!existsSync(PYTHON))('one launch', () => {
  let site: PromiseSite;
  let failure: string | undefined;

  beforeAll(async () => {
    site = createPromiseSite({ timeoutSeconds: 4 });
    const eggs = join(site.root, 'eggs');
    mkdirSync(eggs);
    writeFileSync(join(eggs, 'helper.py'), "WORD = 'from the eggs'\n");
    site.write(
      'etc/plugin/a-handwritten.py',
      `from zope.interface import implementer
from slapos.grid.promise import interface
from slapos.grid.promise.generic import GenericPromise
import helper
@implementer(interface.IPromise)
class RunPromise(GenericPromise):
${senses('self.logger.info(helper.WORD)')}`,
    );
    site.write('etc/plugin/a-broken.py', 'import no_such_module\n');
    site.plugin(
      'huge.py',
      `${senses('pass')}    def test(self):\n        return TestResult(True, 'y' * (4 << 20))\n`,
    );
    site.plugin(
      'orphans.py',
      senses(DETACH.replace('%s', 'orphan'), 'import time', 'time.sleep(60)'),
    );
    site.plugin('quick.py', senses("self.logger.info('quick')"));
    site.plugin('socket.py', senses('import socket', 'self.logger.info(socket.gethostname())'));
    site.plugin('url.py', senses('import urllib.request', "self.logger.info('imported')"));
    site.plugin(
      'facts.py',
      senses(
        'import os',
        "fds = sorted(os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd))",
        "open('facts', 'w').write(repr((sorted(os.environ), os.getcwd(), [fd for fd in fds if 'socket' in fd])))",
      ),
    );
    site.write('etc/plugin/stale.pyc', 'x');
    // Its list of eggs is the one that plugins without a list get.
    const text = readFileSync(join(site.path, 'etc/plugin/quick.py'), 'utf8');
    site.write(
      'etc/plugin/quick.py',
      text.replace('sys.path[0:0] = []', `sys.path[0:0] = ['${eggs}']`),
    );
    site.plugin('same.py', senses("self.logger.info('plugin')"));
    site.write('etc/promise/same', '#!/bin/sh\necho executable\n', 0o755);
    for (const name of ['facts', 'huge', 'orphans', 'same']) {
      const file = `etc/plugin/${name}.py`;
      site.write(file, site.read(file).replace('sys.path[0:0] = []', 'unused = 1'));
    }
    failure = await site.run('test');
  });
  afterAll(() => site.remove());

  it('runs plugins without a list of eggs, even the first one, with those of another', () => {
    expect(site.result('a-handwritten').result.message).toBe('from the eggs');
  });

  it('lets a broken first plugin fail alone', () => {
    expect(failure).toBe(
      "Promise 'a-broken.py' failed with output: Error: No output returned by the promise",
    );
    expect(site.read('.slapgrid/promise/log/a-broken.log')).toContain("'no_such_module'");
    expect(site.result('quick').result.failed).toBe(false);
  });

  it('lets plugins have the names of modules', () => {
    expect(site.result('socket').result.failed).toBe(false);
    expect(site.result('url').result.message).toBe('imported');
  });

  it('reads results while promises run: none is too large', () => {
    expect(site.result('huge').result.message).toBe(`...${'y'.repeat(5000)}`);
  });

  it('kills what a promise started, also when it left the group', () => {
    expect(site.result('orphans').result.message).toContain('timed out');
    expect(isRunning(site.read('orphan'))).toBe(false);
  });

  it('tells how long a promise took', () => {
    expect(site.result('quick')['execution-time']).toBeLessThan(4);
  });

  it('gives plugins a clean environment and none of our descriptors', () => {
    const facts = site.read('facts');
    expect(facts).toContain("'SLAPGRID_INSTANCE_ROOT'");
    expect(facts).not.toContain("'PYTHONPATH'");
    expect(facts).toContain(site.path);
    expect(facts).toMatch(/\[\]\)$/);
  });

  it('removes compiled files without source', () => {
    expect(site.exists('etc/plugin/stale.pyc')).toBe(false);
  });

  it('runs two promises of one title one after the other: the executable comes last', () => {
    expect(site.result('same')).toMatchObject({ name: 'same', result: { message: 'executable' } });
    expect(site.read('.slapgrid/promise/log/same.log')).toMatch(/plugin\n.*executable\n$/);
  });

  it('runs a plugin that changed at once, whatever the schedule says', async () => {
    site.plugin('quick.py', senses("self.logger.info('changed')"));
    const later = Date.now() / 1000 + 5;
    utimesSync(join(site.path, 'etc/plugin/quick.py'), later, later);
    await site.run('anomaly');
    expect(site.result('quick').result).toMatchObject({
      type: 'Anomaly Result',
      message: 'changed',
    });
  });
});

describe.skipIf(!existsSync(PYTHON))('the runner itself', () => {
  it('is no failing promise when it cannot be started', async () => {
    const site = createPromiseSite({ python: '/bin/false' });
    site.plugin('check.py', senses('pass'));
    site.write('etc/promise/legacy', '#!/bin/sh\necho fine\n', 0o755);
    await expect(runPromises(site.context(), site.check('test'))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PROMISE_RUNNER',
      message: 'The plugin promises could not be run by /bin/false: it ended with status 1.',
      exitCode: 1,
    });
    expect(site.result('legacy').result.message).toBe('fine');
    site.remove();
  });

  it('names a Python that is not there', async () => {
    const site = createPromiseSite({ python: '/no/python' });
    site.plugin('check.py', senses('pass'));
    await expect(runPromises(site.context(), site.check('test'))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PROMISE_RUNNER',
      message: expect.stringContaining('/no/python'),
    });
    site.remove();
  });

  it('has an exit status of its own for a job that makes no sense', () => {
    const start = new URL('../../../promise-runner/python/start.py', import.meta.url);
    const { status, stderr } = spawnSync(PYTHON, ['-c', readFileSync(start, 'utf8')], {
      input: 'nonsense',
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([64, expect.stringContaining('a job that it cannot read')]);
  });
});

describe.skipIf(!existsSync(PYTHON))('logs', () => {
  it('are put aside when they are large, and read over that', async () => {
    const site = createPromiseSite();
    const judge = 'return self._test(result_count=2, failure_amount=2)';
    site.plugin(
      'check.py',
      `${senses("self.logger.error('bad')")}    def test(self):\n        ${judge}\n`,
    );
    site.write('etc/promise/legacy', '#!/bin/sh\necho bad; exit 1\n', 0o755);
    const old = '2026-01-01 00:00:00 - INFO - 1-100 - long ago\n'.repeat(250_000);
    for (const title of ['check', 'legacy']) {
      const last = '2026-01-02 00:00:00 - ERROR - 2-100 - worse\n';
      site.write(`.slapgrid/promise/log/${title}.log`, `${old}${last}`);
    }
    const started = Date.now();
    await site.run('test');
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(site.result('check').result.failed).toBe(true);
    for (const title of ['check', 'legacy']) {
      const folder = join(site.path, '.slapgrid/promise/log');
      expect(statSync(join(folder, `${title}.log.1`)).size).toBeGreaterThan(10 << 20);
      expect(statSync(join(folder, `${title}.log`)).size).toBeLessThan(1000);
    }
    site.remove();
  });
});

describe.skipIf(!existsSync(PYTHON))('the library', () => {
  it('is that of the eggs where ours lacks something, and that is remembered', async () => {
    const site = createPromiseSite();
    const eggs = join(site.root, 'eggs');
    const library = join(eggs, 'slapos/grid/promise');
    mkdirSync(library, { recursive: true });
    const runner = new URL('../../../promise-runner/python/', import.meta.url);
    const served = (name: string) => readFileSync(new URL(name, runner), 'utf8');
    for (const folder of ['slapos', 'slapos/grid'])
      writeFileSync(join(eggs, folder, '__init__.py'), '');
    writeFileSync(
      join(library, '__init__.py'),
      `${served('library.py')}\nSPECIAL = 'of the eggs'\n`,
    );
    writeFileSync(join(library, 'interface.py'), served('interface.py'));
    writeFileSync(join(library, 'generic.py'), served('generic.py'));
    mkdirSync(join(eggs, 'zope'));
    writeFileSync(join(eggs, 'zope/__init__.py'), '');
    writeFileSync(join(eggs, 'zope/interface.py'), served('stand_in.py'));
    const special = 'from slapos.grid.promise import SPECIAL\n';
    site.plugin('check.py', senses('self.logger.info(SPECIAL)'), {
      head: `sys.path[0:0] = ['${eggs}']\n${special}`,
    });
    expect(await site.run('test')).toBeUndefined();
    expect(site.result('check').result.message).toBe('of the eggs');
    const file = join(site.root, 'instance/var/run/slapos-promise-eggs.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      [site.check('test').softwarePath ?? '']: ['check.py'],
    });
    expect(await site.run('test')).toBeUndefined();
    site.plugin('check.py', senses("self.logger.info('ours')"));
    expect(await site.run('test')).toBeUndefined();
    expect(site.result('check').result.message).toBe('ours');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({});
    site.remove();
  });
});

describe.skipIf(!existsSync(PYTHON))('promises of a partition', () => {
  it('run at a time, four of a kind', async () => {
    const site = createPromiseSite();
    for (const name of ['a', 'b', 'c', 'd']) {
      site.plugin(
        `${name}1.py`,
        senses('import time; time.sleep(1.5)', "self.logger.error('bad')"),
      );
      site.write(`etc/promise/${name}2`, '#!/bin/sh\nsleep 1.5; echo fine\n', 0o755);
    }
    const started = performance.now();
    expect(await site.run('test')).toBe("Promise 'a1.py' failed with output: bad");
    expect(performance.now() - started).toBeLessThan(8 * 1500 - 1500);
    site.remove();
  });

  it('end with the node, with all that they started', async () => {
    const site = createPromiseSite();
    site.plugin(
      'orphans.py',
      senses(DETACH.replace('%s', 'orphan'), 'import time', 'time.sleep(60)'),
    );
    site.write('etc/promise/slow', '#!/bin/sh\necho $$ > slow\nsleep 60\n', 0o755);
    const interruption = new AbortController();
    const context = { ...site.context(), signal: interruption.signal };
    const running = runPromises(context, site.check('test'));
    await vi.waitFor(() => expect(['orphan', 'slow'].every(site.exists)).toBe(true), 10_000);
    interruption.abort();
    await expect(running).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
    await vi.waitFor(() => {
      expect(['orphan', 'slow'].map((name) => isRunning(site.read(name).trim()))).toEqual([
        false,
        false,
      ]);
    }, 10_000);
    site.remove();
  });
});
