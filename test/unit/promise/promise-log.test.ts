import { describe, expect, it } from 'vitest';
import {
  judgeRuns,
  parseLogRuns,
  renderLogEntry,
  transactionId,
} from '../../../src/promise/promise-log.ts';

const AT = new Date(2026, 10, 20, 23, 32, 12);

function runs(...levels: readonly ('INFO' | 'ERROR')[]) {
  const text = levels
    .map((level, index) => renderLogEntry(AT, level, `${1000 + index}-100`, `run ${index}`))
    .join('');
  return parseLogRuns(text);
}

describe('the promise log', () => {
  it('has the documented form', () => {
    const transaction = transactionId(1_795_217_532_999, 0.2245);
    expect(transaction).toBe('1795217532-302');
    expect(renderLogEntry(AT, 'ERROR', transaction, 'two\nthree')).toBe(
      '2026-11-20 23:32:12 - ERROR - 1795217532-302 - two\nthree\n',
    );
    expect(transactionId(0, 0.999999)).toBe('0-999');
  });

  it('is read back by runs, newest first, with continuation lines', () => {
    const text =
      'tail of a cut line\n' +
      '2026-11-20 23:32:12 - INFO - 1-302 - one\n' +
      '2026-11-20 23:32:12 - ERROR - 1-302 - two\nthree\n' +
      '2026-11-20 23:34:12 - CRITICAL - 2-100 - four\n';
    const found = parseLogRuns(text);
    expect(found.map((run) => run.map((line) => [line.level, line.message]))).toEqual([
      [['CRITICAL', 'four']],
      [
        ['INFO', 'one'],
        ['ERROR', 'two\nthree'],
      ],
    ]);
  });

  it('reads an empty message and an empty log', () => {
    expect(parseLogRuns('')).toEqual([]);
    const text = renderLogEntry(AT, 'ERROR', '1-100', '');
    expect(judgeRuns(parseLogRuns(text), 1, 1)).toEqual({ hasFailed: true, message: '' });
  });
});

describe('judgeRuns', () => {
  it('joins the messages of the latest run', () => {
    const text =
      '2026-11-20 23:32:12 - INFO - 1-302 - one\n' +
      '2026-11-20 23:32:12 - ERROR - 1-302 - two\nthree\n' +
      '2026-11-20 23:32:12 - CRITICAL - 1-302 - four\n';
    expect(judgeRuns(parseLogRuns(text), 1, 1)).toEqual({
      hasFailed: true,
      message: 'one\ntwo\nthree\nfour',
    });
  });

  it('does not fail on warnings or without any run', () => {
    const warning = parseLogRuns('2026-11-20 23:32:12 - WARNING - 1-302 - careful\n');
    expect(judgeRuns(warning, 1, 1).hasFailed).toBe(false);
    expect(judgeRuns([], 1, 1)).toEqual({ hasFailed: false, message: 'No result found!' });
  });

  it('fails an anomaly at the third failing run in a row', () => {
    expect(judgeRuns(runs('ERROR'), 3, 3).hasFailed).toBe(false);
    expect(judgeRuns(runs('ERROR', 'ERROR'), 3, 3).hasFailed).toBe(false);
    expect(judgeRuns(runs('ERROR', 'ERROR', 'ERROR'), 3, 3).hasFailed).toBe(true);
    expect(judgeRuns(runs('ERROR', 'INFO', 'ERROR'), 3, 3).hasFailed).toBe(false);
  });

  it('counts failures among the last runs when the latest failed', () => {
    expect(judgeRuns(runs('ERROR'), 2, 2).hasFailed).toBe(false);
    expect(judgeRuns(runs('ERROR', 'ERROR'), 2, 2).hasFailed).toBe(true);
    expect(judgeRuns(runs('ERROR', 'INFO', 'ERROR'), 3, 2).hasFailed).toBe(true);
    expect(judgeRuns(runs('ERROR', 'ERROR', 'INFO'), 3, 2).hasFailed).toBe(false);
  });
});
