import { describe, expect, it } from 'vitest';
import {
  type DecisionFacts,
  decidePartition,
  parsePeriodicity,
} from '../../../src/instance/decide.ts';

const UP_TO_DATE: DecisionFacts = {
  isForced: false,
  isForceStop: false,
  requestedState: 'started',
  timestamp: '10',
  stored: { text: '10', mtime: 1000 },
  periodicitySeconds: 60,
  now: 1060,
};
const full = (deletesTimestamp: boolean) => ({ action: 'full', deletesTimestamp });

describe('decidePartition', () => {
  it.each<[string, Partial<DecisionFacts>, unknown]>([
    ['nothing changed', {}, { action: 'up-to-date' }],
    ['never processed', { stored: undefined }, full(false)],
    ['the Master gave no timestamp', { timestamp: undefined }, full(false)],
    ['the timestamp is newer', { timestamp: '11' }, full(true)],
    ['the timestamp is older', { timestamp: '9' }, full(true)],
    ['the text differs though the number is the same', { timestamp: '10.0' }, full(true)],
    ['the periodicity is over', { now: 1061 }, full(true)],
    ['the clock was set back by more than that', { now: 939 }, full(true)],
    ['the clock was set back by less', { now: 940 }, { action: 'up-to-date' }],
    ['periodicity 0 means always', { periodicitySeconds: 0 }, full(false)],
    [
      'a negative periodicity means never',
      { periodicitySeconds: -1, now: 1e9 },
      { action: 'up-to-date' },
    ],
    [
      'a negative periodicity and another timestamp',
      { periodicitySeconds: -1, timestamp: '11' },
      full(true),
    ],
    ['forced', { isForced: true }, full(true)],
    ['forced, never processed', { isForced: true, stored: undefined }, full(false)],
    ['force-stop of a started one', { isForceStop: true }, full(true)],
    [
      'force-stop of a stopped one',
      { isForceStop: true, requestedState: 'stopped' },
      { action: 'up-to-date' },
    ],
  ])('%s', (_title, facts, decision) => {
    expect(decidePartition({ ...UP_TO_DATE, ...facts })).toEqual(decision);
  });
});

describe('parsePeriodicity', () => {
  it.each([
    ['3600\n', 3600],
    ['-1', -1],
    ['0', 0],
    ['x', undefined],
    ['', undefined],
    ['1.5', undefined],
  ])('of %j', (text, seconds) => {
    expect(parsePeriodicity(text)).toBe(seconds);
  });
});
