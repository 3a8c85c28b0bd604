import { describe, expect, it } from 'vitest';
import { decideRetention, renderRetentionDelay } from '../../../src/instance/retention.ts';

describe('renderRetentionDelay', () => {
  it.each([
    [undefined, '0.0', false],
    [null, '0.0', false],
    ['', '0.0', false],
    ['7', '7.0', false],
    [1.5, '1.5', false],
    ['abc', '0.0', true],
  ])('of %j', (value, text, isIgnored) => {
    expect(renderRetentionDelay(value)).toEqual({ text, isIgnored });
  });
});

describe('decideRetention', () => {
  const now = 1_795_217_578.9;

  it('allows destruction without a delay', () => {
    expect(decideRetention(undefined, undefined, now)).toEqual({ action: 'destroy', ignored: [] });
    expect(decideRetention('0.0', undefined, now)).toEqual({ action: 'destroy', ignored: [] });
    expect(decideRetention('-3', undefined, now)).toEqual({ action: 'destroy', ignored: [] });
  });

  it.each(['junk', 'abc', '', '0x10', 'nan', '1 2'])('takes a delay of %j for none', (delay) => {
    expect(decideRetention(delay, undefined, now)).toEqual({
      action: 'destroy',
      ignored: [`.slapos-retention-lock-delay holds no number: ${JSON.stringify(delay)}`],
    });
  });

  it.each(['junk', '', 'nan', '\x1b[2J'])('takes a date of %j for a missing one', (date) => {
    expect(decideRetention('10', date, now)).toMatchObject({
      action: 'retain',
      lockDate: '1796081578.0',
      ignored: [`.slapos-retention-lock-date holds no number: ${JSON.stringify(date)}`],
    });
  });

  it('retains for ever where infinity is asked for', () => {
    expect(decideRetention('inf', undefined, now)).toMatchObject({ action: 'retain' });
    expect(decideRetention('0', 'Infinity', now)).toMatchObject({ action: 'retain' });
  });

  it('begins the retention once', () => {
    expect(decideRetention('10.0', undefined, now)).toEqual({
      action: 'retain',
      until: 1_796_081_578,
      lockDate: '1796081578.0',
      ignored: [],
    });
    expect(decideRetention('10.0', '1796081578.0', now)).toEqual({
      action: 'retain',
      until: 1_796_081_578,
      lockDate: undefined,
      ignored: [],
    });
  });

  it('ends at the date', () => {
    expect(decideRetention('10.0', '1796081578.0', 1_796_081_578)).toMatchObject({
      action: 'destroy',
    });
  });

  it.each([
    ['1e300', undefined],
    ['0', '1e300'],
  ])('never goes beyond what a date can say (%s, %s)', (delay, date) => {
    const decision = decideRetention(delay, date, now);
    const until = decision.action === 'retain' ? decision.until : 0;
    expect(new Date(until * 1000).getUTCFullYear()).toBe(275_760);
  });
});
