import { describe, expect, it } from 'vitest';
import { parsePromiseCache, renderPromiseCache } from '../../../src/promise/promise-cache.ts';
import {
  limitMessage,
  parsePromiseResult,
  promiseTitle,
  renderPromiseResult,
  roundExecutionSeconds,
} from '../../../src/promise/promise-result.ts';

const RESULT = {
  title: 'check-site',
  name: 'check-site.py',
  path: '/srv/slapgrid/slappart0/etc/plugin/check-site.py',
  executionSeconds: 0.1,
  type: 'Test Result',
  hasFailed: false,
  date: new Date('2026-11-20T23:32:12.999Z'),
  message: 'port connection OK',
} as const;

describe('renderPromiseResult', () => {
  it('is the sample of the specification', () => {
    expect(renderPromiseResult(RESULT)).toBe(
      '{"title": "check-site", "name": "check-site.py", "path": "/srv/slapgrid/slappart0/etc/plugin/check-site.py", "execution-time": 0.1, "result": {"type": "Test Result", "failed": false, "date": "2026-11-20T23:32:12+0000", "message": "port connection OK"}}',
    );
  });

  it('writes whole seconds as floats and escapes to ASCII', () => {
    const text = renderPromiseResult({
      ...RESULT,
      executionSeconds: 20,
      hasFailed: true,
      message: 'hé "x"\n\u007f🎉',
    });
    expect(text).toContain('"execution-time": 20.0');
    expect(text).toContain('"failed": true');
    expect(text).toContain('"message": "h\\u00e9 \\"x\\"\\n\\u007f\\ud83c\\udf89"');
  });

  it('is read back', () => {
    expect(parsePromiseResult(renderPromiseResult(RESULT))).toEqual({
      hasFailed: false,
      message: 'port connection OK',
    });
  });
});

describe('parsePromiseResult', () => {
  it.each(['', '{', '[]', 'null', '{"result": {"type": "Other"}}'])('refuses %j', (text) => {
    expect(parsePromiseResult(text)).toBeUndefined();
  });

  it('takes a null message for an empty one', () => {
    const text = '{"result": {"type": "Anomaly Result", "failed": true, "message": null}}';
    expect(parsePromiseResult(text)).toEqual({ hasFailed: true, message: '' });
  });
});

describe('limitMessage', () => {
  it('keeps the end of 6000 characters', () => {
    const message = limitMessage('x'.repeat(6000));
    expect(message).toHaveLength(5003);
    expect(message.startsWith('...x')).toBe(true);
    expect(limitMessage('x'.repeat(5000))).toHaveLength(5000);
  });
});

describe('promiseTitle', () => {
  it.each([
    ['check.py', 'check'],
    ['k.dot.py', 'k.dot'],
    ['a.sh', 'a'],
    ['a', 'a'],
    ['.hidden', '.hidden'],
  ])('of %s', (name, title) => {
    expect(promiseTitle(name)).toBe(title);
  });
});

describe('roundExecutionSeconds', () => {
  it.each([
    [0, 0.05],
    [74, 0.05],
    [76, 0.1],
    [1234, 1.25],
  ])('%d ms', (ms, seconds) => {
    expect(roundExecutionSeconds(ms)).toBe(seconds);
  });
});

describe('the scheduling cache', () => {
  const cache = {
    isTested: true,
    isAnomalyDetected: true,
    periodicityMinutes: 2,
    nextRunAfter: 1795217652.55,
    timestamp: 1795217532.5,
    moduleFile: '/p',
    moduleFileMtime: 1795217000,
  };

  it('is written as upstream does, and read back', () => {
    const text = renderPromiseCache(cache);
    expect(text).toBe(
      '{"is_tested": true, "is_anomaly_detected": true, "periodicity": 2, "next_run_after": 1795217652.55, "timestamp": 1795217532.5, "module_file": "/p", "module_file_mtime": 1795217000.0}',
    );
    expect(parsePromiseCache(text)).toEqual(cache);
  });

  it.each([
    '',
    '{}',
    '[1]',
    '{"next_run_after": "x", "module_file": "/p"}',
    '{"next_run_after": 1e999, "module_file": "/p"}',
  ])('counts as missing for %j', (text) => {
    expect(parsePromiseCache(text)).toBeUndefined();
  });
});
