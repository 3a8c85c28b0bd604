/**
 * The rows of "Edge cases worth a test" of spec/promise.md with the real runner and the system's
 * Python, as an ordinary user. All promises of a mode run in one launch.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPromises } from '../../../src/promise/run-promises.ts';
import { createPromiseSite, type PromiseSite } from '../../support/promise-site.ts';

const PYTHON = '/usr/bin/python3';
const senses = (...lines: readonly string[]) =>
  `    def sense(self):\n${lines.map((line) => `        ${line}\n`).join('')}`;
const FAILS = senses("self.logger.error('bad')");
const ANOMALY_OF = (verdict: string) => `    def anomaly(self):\n        return ${verdict}\n`;
/** Long for a plugin on a busy machine, short for who waits. */
const LIMIT_SECONDS = 4;
/** Where nothing is to time out, on whatever machine. */
const PATIENT_SECONDS = 20;
const TIMED_OUT = `Error: Promise timed out after ${LIMIT_SECONDS} seconds`;
const FUTURE_MS = 3_600_000;
const NO_OUTPUT = 'Error: No output returned by the promise';

describe.skipIf(!existsSync(PYTHON))('edge cases of a test', () => {
  let site: PromiseSite;
  let failure: string | undefined;

  beforeAll(async () => {
    site = createPromiseSite({ timeoutSeconds: LIMIT_SECONDS });
    site.plugin('long.py', senses("self.logger.error('x' * 6000)"));
    site.plugin('nothing.py', senses('pass'));
    site.plugin(
      'levels.py',
      senses(
        "self.logger.info('one')",
        "self.logger.error('two\\nthree')",
        "self.logger.critical('four')",
      ),
    );
    site.plugin('warns.py', senses("self.logger.warning('careful')"));
    site.plugin('raises.py', senses("raise ValueError('X')"));
    site.plugin('none.py', `${senses('pass')}    def test(self):\n        pass\n`);
    site.plugin(
      'testraises.py',
      `${senses('pass')}    def test(self):\n        raise OSError('Y')\n`,
    );
    site.write('etc/plugin/syntax.py', 'def (:\n');
    site.plugin('exits.py', senses('import os; os._exit(3)'));
    site.plugin('k.dot.py', senses("self.logger.info('fine')"));
    site.plugin('slow.py', senses('import time; time.sleep(30)'));
    site.write('etc/promise/mute', '#!/bin/sh\nexit 1\n', 0o755);
    site.write('etc/promise/accent', "#!/bin/sh\nprintf 'h\\303\\251'; exit 1\n", 0o755);
    site.plugin('reserved.py', senses('pass'), { extra: "{'name': 'x'}" });
    site.plugin(
      'config.py',
      senses(
        "self.logger.info('%r %r %r' % (self.getConfig('n'), self.getConfig('name'), self.getConfig('partition-id')))",
      ),
      { extra: "{'n': 3}" },
    );
    site.plugin(
      'prints.py',
      senses(
        "import sys; print('to stdout'); sys.stderr.write('to stderr\\n'); self.logger.info('fine')",
      ),
    );
    site.plugin(
      'testless.py',
      '    def __init__(self, config):\n        GenericPromise.__init__(self, config)\n        self.setTestLess()\n' +
        senses("self.logger.info('ran')"),
    );
    site.plugin(
      'modeless.py',
      '    def __init__(self, config):\n        GenericPromise.__init__(self, config)\n        self.setTestLess()\n        self.setAnomalyLess()\n' +
        senses('pass'),
    );
    site.plugin('unicode.py', senses("self.logger.error(u'h\\xe9 \\U0001f389')"));
    failure = await site.run('test');
  });
  afterAll(() => site.remove());

  const saved = (title: string) => site.result(title).result;
  const verdict = (title: string) => ({
    failed: saved(title).failed,
    message: saved(title).message,
  });

  it('a message of 6000 characters keeps its last 5000', () => {
    expect(saved('long').failed).toBe(true);
    expect(saved('long').message).toBe(`...${'x'.repeat(5000)}`);
  });

  it.each<[string, string, { failed: boolean; message: string }]>([
    ['sense logs nothing', 'nothing', { failed: false, message: 'No result found!' }],
    ['several levels and lines', 'levels', { failed: true, message: 'one\ntwo\nthree\nfour' }],
    ['only a warning', 'warns', { failed: false, message: 'careful' }],
    ['sense raises', 'raises', { failed: true, message: 'X' }],
    ['test gives None', 'none', { failed: true, message: "Promise test method returned 'None'" }],
    ['test raises', 'testraises', { failed: true, message: 'Y' }],
    ['a syntax error', 'syntax', { failed: true, message: NO_OUTPUT }],
    ['os._exit', 'exits', { failed: true, message: NO_OUTPUT }],
    ['a dot in the name', 'k.dot', { failed: true, message: NO_OUTPUT }],
    ['a time-out', 'slow', { failed: true, message: TIMED_OUT }],
    ['an executable that says nothing', 'mute', { failed: true, message: '' }],
    ['an executable that speaks French', 'accent', { failed: true, message: 'hé' }],
    ['a reserved parameter', 'reserved', { failed: true, message: NO_OUTPUT }],
    ['parameters', 'config', { failed: false, message: "3 None 'slappart0'" }],
    ['prints', 'prints', { failed: false, message: 'fine' }],
    [
      'both modes disabled',
      'modeless',
      { failed: true, message: "It's not allowed to disable both Test and Anomaly in promise!" },
    ],
    ['Unicode', 'unicode', { failed: true, message: 'hé 🎉' }],
  ])('%s', (_row, title, expected) => {
    expect(verdict(title)).toEqual(expected);
    expect(saved(title).type).toBe('Test Result');
  });

  it('writes what is not ASCII as escapes', () => {
    expect(site.read('.slapgrid/promise/result/accent.status.json')).toContain('"h\\u00e9"');
    expect(site.read('.slapgrid/promise/log/unicode.log')).toContain('hé 🎉');
  });

  it('saves the time limit as the time of a time-out', () => {
    expect(site.read('.slapgrid/promise/result/slow.status.json')).toContain(
      `"execution-time": ${LIMIT_SECONDS}.0,`,
    );
  });

  it('keeps no scheduling file of a plugin that cannot be imported', () => {
    for (const title of ['syntax', 'k.dot', 'reserved']) {
      expect(site.exists(`.slapgrid/promise/cache/${title}`)).toBe(false);
    }
    expect(site.exists('.slapgrid/promise/cache/exits')).toBe(true);
  });

  it('puts the traceback in the log of the promise and leaves the others alone', () => {
    const log = site.read('.slapgrid/promise/log/syntax.log');
    expect(log).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - WARNING - \d+-\d{3} - Traceback/);
    expect(log).toContain('SyntaxError');
    expect(site.read('.slapgrid/promise/log/reserved.log')).toContain(
      "Extra parameter name 'name' cannot be used.",
    );
  });

  it('logs what plugins print as INFO', () => {
    expect(site.log.lines).toContain('INFO to stdout');
    expect(site.log.lines).toContain('INFO to stderr');
  });

  it('saves nothing of a promise without test, which the anomaly check runs at once', async () => {
    expect(site.exists('.slapgrid/promise/result/testless.status.json')).toBe(false);
    const cache = site.cache('testless');
    expect(cache.is_tested).toBe(false);
    expect(cache.next_run_after).toBe(cache.timestamp);
    await site.run('anomaly');
    expect(saved('testless')).toMatchObject({ type: 'Anomaly Result', message: 'ran' });
  });

  it('names the first failing promise in order of names', () => {
    expect(failure).toBe(`Promise 'exits.py' failed with output: ${NO_OUTPUT}`);
  });

  it('creates an empty __init__.py', () => {
    expect(site.read('etc/plugin/__init__.py')).toBe('');
  });

  it('keeps the result of a promise that is gone', async () => {
    site.forget('etc/plugin/slow.py');
    await site.run('test');
    expect(saved('slow').message).toContain('timed out');
    expect(site.log.lines).not.toContain('INFO Checking promise slow.py...'.repeat(2));
  });
});

describe.skipIf(!existsSync(PYTHON))('edge cases over several runs', () => {
  let site: PromiseSite;

  beforeAll(async () => {
    site = createPromiseSite({ timeoutSeconds: PATIENT_SECONDS });
    const steps = "open('step').read()";
    site.write('step', 'F');
    site.plugin(
      'twice.py',
      `${FAILS}    def test(self):\n        return self._test(result_count=2, failure_amount=2)\n`,
    );
    site.plugin(
      'thrice.py',
      `${senses(`(self.logger.error if ${steps} == 'F' else self.logger.info)('step')`)}    def test(self):\n        return self._test(result_count=3, failure_amount=2)\n`,
    );
  });
  afterAll(() => site.remove());

  it('counts failing runs among the last ones', async () => {
    const failed: boolean[][] = [];
    for (const step of ['F', 'O', 'F']) {
      site.write('step', step);
      await site.run('test');
      failed.push(['twice', 'thrice'].map((title) => site.result(title).result.failed));
    }
    expect(failed).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
  });
});

describe.skipIf(!existsSync(PYTHON))('edge cases of an anomaly check', () => {
  let site: PromiseSite;
  const saved = (title: string) => site.result(title).result;

  beforeAll(async () => {
    site = createPromiseSite({ timeoutSeconds: LIMIT_SECONDS });
    site.plugin('a-refused.py', FAILS, { extra: "{'bang-on-failure': 'false'}" });
    site.plugin('b-slow.py', senses('import time; time.sleep(30)'));
    site.plugin('c-fails.py', FAILS);
    site.plugin('d-fails.py', FAILS);
    site.plugin('e-result.py', `${senses('pass')}${ANOMALY_OF("AnomalyResult(False, 'own')")}`);
    site.plugin('f-null.py', `${senses('pass')}${ANOMALY_OF('AnomalyResult(False)')}`);
    site.write('etc/promise/legacy', '#!/bin/sh\necho no; exit 1\n', 0o755);
    await site.run('anomaly');
  });
  afterAll(() => site.remove());

  it('tolerates a first time-out', () => {
    expect(saved('b-slow')).toMatchObject({
      type: 'Anomaly Result',
      failed: false,
      message: TIMED_OUT,
    });
  });

  it('bangs once for several failures, past one that may not bang', () => {
    expect(saved('a-refused')).toMatchObject({ type: 'Anomaly Result', failed: true });
    expect(site.bangs).toEqual(['Promise c-fails is failing']);
    expect(site.read('.slapgrid/promise/log/c-fails.log')).toContain(' - INFO - ');
    expect(site.read('.slapgrid/promise/log/c-fails.log')).toContain(
      "Bang with message 'Promise c-fails is failing'.",
    );
    expect(site.read('.slapgrid/promise/log/d-fails.log')).not.toContain('Bang');
  });

  it.each([false, true])('logs what explains a plugin when asked to: %s', async (isDebug) => {
    const own = createPromiseSite({ timeoutSeconds: LIMIT_SECONDS });
    try {
      own.plugin('plug.py', senses("self.logger.debug('why'); self.logger.info('fine')"));
      await runPromises({ ...own.context(), isDebug }, own.check('test'));
      expect(own.read('.slapgrid/promise/log/plug.log').includes(' - why')).toBe(isDebug);
      expect(own.result('plug').result.failed).toBe(false);
    } finally {
      own.remove();
    }
  });

  it('bangs for a promise that fails anew while it is too early for another one', async () => {
    const own = createPromiseSite({ timeoutSeconds: LIMIT_SECONDS });
    try {
      own.plugin('a-old.py', FAILS);
      await own.run('anomaly');
      expect(own.bangs).toEqual(['Promise a-old is failing']);
      own.plugin('b-new.py', FAILS);
      await own.run('anomaly', true);
      await own.run('anomaly', true);
      expect(own.bangs).toEqual(['Promise a-old is failing', 'Promise b-new is failing']);
    } finally {
      own.remove();
    }
  });

  it('keeps a result that the plugin makes itself, without a message as an empty one', () => {
    expect(saved('e-result')).toMatchObject({ failed: false, message: 'own' });
    expect(saved('f-null').message).toBe('');
  });

  it('gives a failing executable a test result that has not failed yet', () => {
    expect(saved('legacy')).toMatchObject({ type: 'Test Result', failed: false, message: 'no' });
  });

  it('starts nothing when nothing is due, and still counts what failed', async () => {
    const before = site.commandCount();
    const result = site.read('.slapgrid/promise/result/c-fails.status.json');
    expect(await site.run('anomaly')).toBe("Promise 'a-refused.py' failed with output: bad");
    expect(site.commandCount()).toBe(before);
    expect(site.read('.slapgrid/promise/result/c-fails.status.json')).toBe(result);
    expect(site.log.lines.at(-1)).toBe("INFO 7 promises didn't need to be checked.");
  });

  it('fails the second time-out, and the third failure of an executable', async () => {
    await site.run('anomaly', false, Date.now() + FUTURE_MS);
    expect(saved('b-slow').failed).toBe(true);
    expect(saved('legacy').failed).toBe(false);
    await site.run('anomaly', false, Date.now() + 2 * FUTURE_MS);
    expect(saved('legacy').failed).toBe(true);
  });
});
