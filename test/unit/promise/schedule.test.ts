import { describe, expect, it } from 'vitest';
import {
  decidePromise,
  generatedResult,
  type SchedulingFacts,
} from '../../../src/promise/schedule.ts';

const CACHE = {
  isTested: true,
  isAnomalyDetected: true,
  periodicityMinutes: 2,
  nextRunAfter: 200,
  timestamp: 80,
  moduleFile: '/p',
  moduleFileMtime: 50,
};
const FACTS: SchedulingFacts = {
  mode: 'anomaly',
  isForced: false,
  cache: CACHE,
  now: 100,
  saved: { hasFailed: false, message: 'fine' },
  path: '/p',
  fileMtime: 50,
};
const run = { action: 'run' };
const skip = (failure?: string) => ({ action: 'skip', failure });

describe('decidePromise', () => {
  it.each<[string, Partial<SchedulingFacts>, unknown]>([
    ['not due', {}, skip()],
    ['due', { now: 200 }, run],
    ['the clock was set back since it ran', { now: 79 }, run],
    ['never run', { cache: undefined }, run],
    ['forced', { isForced: true }, run],
    ['not due and failing', { saved: { hasFailed: true, message: 'bad' } }, skip('bad')],
    ['the file changed', { fileMtime: 90 }, run],
    [
      'the class is defined elsewhere',
      { cache: { ...CACHE, moduleFile: '/wrapper.py' }, fileMtime: 70 },
      skip(),
    ],
    [
      'the class is defined elsewhere, and the plugin changed since its last run',
      { cache: { ...CACHE, moduleFile: '/wrapper.py' }, fileMtime: 90 },
      run,
    ],
    [
      'no anomaly, even when forced',
      { isForced: true, cache: { ...CACHE, isAnomalyDetected: false } },
      skip(),
    ],
    [
      'no test until now, and the file changed',
      { mode: 'test', fileMtime: 90, cache: { ...CACHE, isTested: false } },
      run,
    ],
    ['no test', { mode: 'test', isForced: true, cache: { ...CACHE, isTested: false } }, skip()],
  ])('%s', (_title, facts, decision) => {
    expect(decidePromise({ ...FACTS, ...facts })).toEqual(decision);
  });
});

describe('generatedResult', () => {
  const message = 'Error: Promise timed out after 20 seconds';

  it('fails a test at once', () => {
    expect(generatedResult('test', undefined, message)).toEqual({
      type: 'Test Result',
      hasFailed: true,
      message,
    });
  });

  it('tolerates one anomaly and fails the second', () => {
    const first = generatedResult('anomaly', undefined, message);
    expect(first).toEqual({ type: 'Anomaly Result', hasFailed: false, message });
    expect(generatedResult('anomaly', first, message).hasFailed).toBe(true);
    expect(generatedResult('anomaly', { hasFailed: true, message: '' }, message).hasFailed).toBe(
      true,
    );
    expect(generatedResult('anomaly', { hasFailed: false, message: 'ok' }, message).hasFailed).toBe(
      false,
    );
  });
});
