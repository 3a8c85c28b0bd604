import { describe, expect, it } from 'vitest';
import { fitDrift, leastOfParts, type Reading } from '../../support/load-flat.ts';
import { accountLog } from '../../support/load-logs.ts';

const tolerance = { share: 0.08, least: 0 };

function readings(measure: (index: number, services: number) => number): Reading[] {
  return Array.from({ length: 60 }, (_, index) => {
    const services = 4500 + ((index * 37) % 90);
    return { atMs: index * 10_000, services, value: measure(index, services) };
  });
}

/** The same for the same index, between -1 and 1. */
const noise = (index: number) => Math.sin(index * 12.9898) ** 3;

describe('fitDrift', () => {
  it('calls what wavers level', () => {
    expect(
      fitDrift(
        readings((index) => 100 + 10 * noise(index)),
        tolerance,
      )?.isFlat,
    ).toBe(true);
  });

  it('calls a slow leak under noise a rise', () => {
    const drift = fitDrift(
      readings((index) => 100 + index / 4 + 5 * noise(index)),
      tolerance,
    );
    expect(drift?.isFlat).toBe(false);
    expect(drift?.rise).toBeGreaterThan(12);
    expect(drift?.rise).toBeLessThan(18);
  });

  it('does not mind what comes from the number of services', () => {
    const growing = readings((index) => index).map((reading, index) => {
      const services = 4500 + index + (index % 7);
      return { ...reading, services, value: services * 2 };
    });
    expect(fitDrift(growing, { share: 0, least: 1 })?.isFlat).toBe(true);
  });

  it('says nothing of a few readings', () => {
    expect(fitDrift(readings((index) => index).slice(0, 5), tolerance)).toBeUndefined();
  });
});

describe('leastOfParts', () => {
  /** Up by 60 until a collection, which comes later each time. */
  const garbage = (index: number) => (index * 11) % 61;

  it('leaves out what a collection takes', () => {
    const least = leastOfParts(
      readings((index) => 100 + garbage(index)),
      10,
    );
    expect(least).toHaveLength(10);
    expect(Math.max(...least.map(({ value }) => value))).toBeLessThan(125);
    expect(fitDrift(least, tolerance)?.isFlat).toBe(true);
  });

  it('keeps what stays', () => {
    const least = leastOfParts(
      readings((index) => 100 + garbage(index) + index),
      10,
    );
    expect(fitDrift(least, tolerance)?.isFlat).toBe(false);
  });

  it('takes few readings as they are', () => {
    const few = readings((index) => index).slice(0, 12);
    expect(leastOfParts(few, 10)).toEqual(few);
  });
});

describe('accountLog', () => {
  const whole = '7 start\n7 1\n7 2\n7 end 2\n9 start\n9 1\n';

  it('takes lives one after the other, killed ones too', () => {
    const account = accountLog('', whole, 9);
    expect(account).toEqual({ lines: 6, lives: 2, cuts: 0, problems: [] });
    expect(accountLog('', '7 start\n7 1\n9 start\n', 9).problems).toEqual([]);
  });

  it('takes a log that was rotated within a line', () => {
    expect(accountLog('art\n7 1\n7 2\n7', ' end 2\n9 start\n9 1\n', 9).problems).toEqual([]);
  });

  it.each([
    ['a line is missing', '7 start\n7 2\n', 7],
    ['a line came twice', '7 start\n7 1\n7 1\n', 7],
    ['the last lines are missing', '7 start\n7 1\n7 end 2\n', undefined],
    ['something follows an end', '7 start\n7 end 0\n7 1\n', 7],
    ['the service that runs wrote nothing', whole, 11],
    ['two lines are mixed', '7 start\n77 1\n1\n', undefined],
  ])('tells that %s', (_name, text, pid) => {
    expect(accountLog('', text, pid).problems).not.toEqual([]);
  });

  it('counts what a rotation cut', () => {
    const account = accountLog('7 1\n7 2\n', '7 4\n7 5\n', 7);
    expect(account).toMatchObject({ cuts: 1, problems: [] });
  });
});
