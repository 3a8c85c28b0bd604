import { describe, expect, it } from 'vitest';
import {
  mayBang,
  parseBangState,
  renderBangState,
  withBang,
  withoutKept,
} from '../../../src/promise/bang-state.ts';

describe('bangs of a promise that goes on failing', () => {
  it('come after one periodicity, then after twice the time each, until one an hour', () => {
    let state = parseBangState(undefined);
    const times: number[] = [];
    for (let now = 0; now < 5 * 3600; now += 120) {
      if (!mayBang(state, 'check', 2, now)) continue;
      times.push(now);
      state = withBang(state, 'check', now);
    }
    expect(times.map((time) => time / 60).slice(0, 6)).toEqual([0, 2, 6, 14, 30, 62]);
    expect(times.slice(-2).map((time) => time / 60)).toEqual([182, 242]);
  });

  it('start anew when the promise was kept meanwhile, and do not concern others', () => {
    const state = withBang(withBang({}, 'check', 100), 'other', 100);
    expect(mayBang(state, 'check', 2, 110)).toBe(false);
    expect(mayBang(state, 'third', 2, 110)).toBe(true);
    const kept = withoutKept(state, new Set(['check']));
    expect(mayBang(kept, 'check', 2, 110)).toBe(true);
    expect(mayBang(kept, 'other', 2, 110)).toBe(false);
  });

  it.each(['constructor', '__proto__', 'toString'])(
    'are told apart for a promise that is called %s',
    (title) => {
      expect(mayBang({}, title, 2, 100)).toBe(true);
      const state = parseBangState(renderBangState(withBang({}, title, 100)));
      expect(mayBang(state, title, 2, 110)).toBe(false);
      expect(mayBang(state, title, 2, 220)).toBe(true);
      expect(mayBang(withBang(state, title, 220), title, 2, 340)).toBe(false);
      expect(withoutKept(state, new Set([title]))).toEqual({});
    },
  );

  it('are not silenced by a clock that was set back, or by a file that makes no sense', () => {
    expect(mayBang(withBang({}, 'check', 1e9), 'check', 2, 100)).toBe(true);
    expect(parseBangState('[[[')).toEqual({});
    expect(parseBangState('null')).toEqual({});
    expect(parseBangState('{"check": 3, "other": {"last": "x"}}')).toEqual({});
    for (const entry of [
      '"last": 1, "count": -9007199254740990',
      '"last": 1, "count": 0.5',
      '"last": 1e999, "count": 1',
    ]) {
      expect(parseBangState(`{"check": {${entry}}}`)).toEqual({});
    }
    const state = withBang({}, 'check', 5);
    expect(parseBangState(renderBangState(state))).toEqual(state);
  });
});
