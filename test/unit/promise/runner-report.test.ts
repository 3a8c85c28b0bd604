import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEggMemory } from '../../../src/promise/egg-memory.ts';
import { parseRunnerReport } from '../../../src/promise/runner-report.ts';

describe('parseRunnerReport', () => {
  it('reads a result, with nothing but what it knows', () => {
    const line = JSON.stringify({
      event: 'result',
      name: 'check.py',
      type: 'Anomaly Result',
      failed: true,
      message: 'bad',
      date: '2026-11-20T23:32:12Z',
      wantsBang: true,
      more: 1,
    });
    expect(parseRunnerReport(line)).toEqual({
      event: 'result',
      name: 'check.py',
      type: 'Anomaly Result',
      failed: true,
      message: 'bad',
      date: new Date('2026-11-20T23:32:12Z'),
      wantsBang: true,
    });
  });

  it.each([
    'text',
    '{',
    '{"event": "result"}',
    '{"event": "result", "name": "x", "type": "Other", "date": "2026-11-20T23:32:12Z"}',
    '{"event": "result", "name": "x", "type": "Test Result", "date": "never"}',
    '{"event": "other", "name": "x"}',
    '{"event": "start", "name": 3}',
  ])('takes %s for what a plugin printed', (line) => {
    expect(parseRunnerReport(line)).toBeUndefined();
  });

  it('throws at no line, whatever a process of the partition says', () => {
    const event = fc.constantFrom('ready', 'start', 'cache', 'result', 'broken', 'end');
    const line = fc.record({
      event,
      name: fc.oneof(fc.string(), fc.jsonValue()),
      type: fc.constantFrom('Test Result', 'Empty Result', 3),
      seconds: fc.jsonValue(),
      date: fc.oneof(fc.string(), fc.constant('2026-11-20T23:32:12Z')),
      message: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          line.map((each) => JSON.stringify(each)),
        ),
        (text) => {
          const report = parseRunnerReport(text);
          return report === undefined || typeof report.event === 'string';
        },
      ),
    );
  });
});

describe('parseEggMemory', () => {
  it.each([undefined, '', 'null', '{', '3', '[1]'])('is empty for %s', (text) => {
    expect(Object.values(parseEggMemory(text)).flat()).toEqual([]);
  });

  it('keeps names that are text', () => {
    expect(parseEggMemory('{"/a": ["x.py", 3], "/b": 1}')).toEqual({ '/a': ['x.py'], '/b': [] });
  });
});
