/** JavaScript plugins: the contract of Python's, without the process around them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GenericPromise } from '../../../src/promise/plugin-api.ts';
import { checkPlugin } from '../../../src/promise/plugin-process.ts';
import { AnomalyResult, TestResult } from '../../../src/promise/plugin-result.ts';

type Reports = Array<Readonly<Record<string, unknown>>>;

describe('checkPlugin', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-plugin-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const log = () => readFileSync(join(folder, 'check.log'), 'utf8');

  async function check(module: object, isAnomaly = false): Promise<Reports> {
    const reports: Reports = [];
    await checkPlugin(
      {
        isAnomaly,
        config: { 'log-folder': folder, 'partition-folder': '/part', 'partition-id': 'part' },
        plugin: { name: 'check.mjs', path: '/part/etc/plugin/check.mjs' },
      },
      {
        load: async () => module,
        report: (report) => void reports.push(report),
        fileMtime: 50,
        now: () => 1_000_000,
      },
    );
    return reports;
  }

  async function resultOf(RunPromise: typeof GenericPromise, isAnomaly = false) {
    return (await check({ RunPromise }, isAnomaly)).at(-1);
  }

  it('reports its start, its schedule and its result', async () => {
    class RunPromise extends GenericPromise {
      sense() {
        this.setPeriodicity(5);
        this.logger.info(`${this.getConfig('n')} ${this.getConfig('name')} ${this.getTitle()}`);
      }
    }
    const [start, cache, result] = await check({ RunPromise, extra_config_dict: { n: 3 } });
    expect(start).toEqual({ event: 'start', name: 'check.mjs' });
    expect(JSON.parse(String(cache?.['text']))).toEqual({
      is_tested: true,
      is_anomaly_detected: true,
      periodicity: 2,
      next_run_after: 1120,
      timestamp: 1000,
      module_file: '/part/etc/plugin/check.mjs',
      module_file_mtime: 50,
    });
    expect(result).toMatchObject({
      event: 'result',
      type: 'Test Result',
      failed: false,
      message: '3 null check',
      wantsBang: false,
    });
    expect(log()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - INFO - \d+-\d{3} - 3 null check\n$/);
  });

  it('has no settings but those that were given', async () => {
    class RunPromise extends GenericPromise {
      sense() {
        this.setConfig('__proto__', 'own');
        const keys = ['constructor', 'toString', '__proto__'];
        this.logger.info(keys.map((key) => String(this.getConfig(key, 'none'))).join(' '));
      }
    }
    expect(await resultOf(RunPromise)).toMatchObject({ message: 'none none own' });
  });

  it('waits for sense, and judges on what it logs', async () => {
    class RunPromise extends GenericPromise {
      async sense() {
        this.logger.info('one');
        await new Promise((resolve) => setTimeout(resolve, 10));
        this.logger.error('two\nthree');
      }
    }
    expect(await resultOf(RunPromise)).toMatchObject({ failed: true, message: 'one\ntwo\nthree' });
  });

  it('wants a bang for an anomaly, unless the plugin does not', async () => {
    class RunPromise extends GenericPromise {
      sense() {
        this.logger.critical('bad');
      }
    }
    class Quiet extends RunPromise {
      constructor(config: Record<string, unknown>) {
        super(config);
        this.allowBang(false);
      }
    }
    const failed = { type: 'Anomaly Result', failed: true };
    expect(await resultOf(RunPromise, true)).toMatchObject({ ...failed, wantsBang: true });
    expect(await resultOf(Quiet, true)).toMatchObject({ ...failed, wantsBang: false });
    const extra = { RunPromise, extra_config_dict: { 'bang-on-failure': 'false' } };
    expect((await check(extra, true)).at(-1)).toMatchObject({ ...failed, wantsBang: false });
  });

  it('wants no bang for a test result that an anomaly check gives', async () => {
    class RunPromise extends GenericPromise {
      sense() {}
      override anomaly() {
        return new TestResult(true, 'own');
      }
    }
    expect(await resultOf(RunPromise, true)).toMatchObject({ failed: true, wantsBang: false });
  });

  it('counts failures among the last runs', async () => {
    class RunPromise extends GenericPromise {
      sense() {
        this.logger.error('bad');
      }
      override test() {
        return this._test(2, 2);
      }
    }
    expect(await resultOf(RunPromise)).toMatchObject({ failed: false, message: 'bad' });
    expect(await resultOf(RunPromise)).toMatchObject({ failed: true });
  });

  it('takes results that the plugin makes, from either class', async () => {
    class RunPromise extends GenericPromise {
      sense() {}
      override test() {
        return new TestResult(true, 'own');
      }
      override anomaly() {
        return Promise.resolve(new AnomalyResult(false, 'x'.repeat(6000)));
      }
    }
    expect(await resultOf(RunPromise)).toMatchObject({ failed: true, message: 'own' });
    expect((await resultOf(RunPromise, true))?.['message']).toBe(`...${'x'.repeat(5000)}`);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, "Promise test method returned 'undefined'"],
    ['something else', { failed: true }, "Promise test method returned '[object Object]'"],
  ])('fails when test gives %s', async (_what, value, message) => {
    class RunPromise extends GenericPromise {
      sense() {}
      override test() {
        return value;
      }
    }
    expect(await resultOf(RunPromise)).toMatchObject({ failed: true, message });
  });

  it('fails with the text of what sense or test throws', async () => {
    class Sense extends GenericPromise {
      sense() {
        throw new Error('X');
      }
    }
    class Test extends GenericPromise {
      sense() {}
      override test(): never {
        throw new Error('Y');
      }
    }
    expect(await resultOf(Sense)).toMatchObject({ failed: true, message: 'X' });
    expect(await resultOf(Test)).toMatchObject({ failed: true, message: 'Y' });
  });

  it('has a mode, or none, less', async () => {
    class Testless extends GenericPromise {
      constructor(config: Record<string, unknown>) {
        super(config);
        this.setTestLess();
      }
      sense() {
        throw new Error('must not run');
      }
    }
    class Nothing extends Testless {
      constructor(config: Record<string, unknown>) {
        super(config);
        this.setAnomalyLess();
      }
    }
    const [, cache, result] = await check({ RunPromise: Testless });
    expect(result).toMatchObject({ type: 'Empty Result' });
    expect(JSON.parse(String(cache?.['text']))).toMatchObject({
      is_tested: false,
      next_run_after: 1000,
    });
    expect(await resultOf(Nothing)).toMatchObject({
      failed: true,
      message: "It's not allowed to disable both Test and Anomaly in promise!",
    });
  });

  it('reads the lines of its last runs', async () => {
    let lines: unknown;
    class RunPromise extends GenericPromise {
      sense() {
        lines = this.getLastPromiseResultList(60, 5);
        this.logger.warning('careful');
      }
    }
    await check({ RunPromise });
    expect(lines).toEqual([]);
    await check({ RunPromise });
    expect(lines).toEqual([[{ date: expect.any(Date), status: 'WARNING', message: 'careful' }]]);
  });

  class Plain extends GenericPromise {
    sense() {}
  }
  abstract class Senseless extends GenericPromise {}
  it.each<[object, string]>([
    [{}, 'Class RunPromise not found in promise check.mjs'],
    [{ RunPromise: class {} }, 'RunPromise class is not a subclass of GenericPromise class.'],
    [
      { RunPromise: Plain, extra_config_dict: { name: 'x' } },
      "Extra parameter name 'name' cannot be used.",
    ],
    [{ RunPromise: Plain, extra_config_dict: [] }, 'extra_config_dict is not an object.'],
    [{ RunPromise: Senseless }, 'RunPromise has no method sense.'],
    [
      { RunPromise: Plain, extra_config_dict: { periodicity: '0' } },
      'The periodicity must be more than 0 minutes, not 0.',
    ],
  ])('reports what breaks the rules: %o', async (module, error) => {
    const reports = await check(module);
    expect(reports.at(-1)).toMatchObject({ event: 'broken', error });
    expect(String(reports.at(-1)?.['traceback'])).toContain('plugin-process');
  });
});
