import { describe, expect, it } from 'vitest';
import type { Key } from '../../../src/top/keys.ts';
import { parseKeys } from '../../../src/top/keys.ts';
import { pressKey } from '../../../src/top/press-key.ts';
import type { Effect, TopState } from '../../../src/top/state.ts';
import {
  consumption,
  partition,
  promise,
  service,
  topData,
  topState,
  USUAL_SIZE,
} from '../../support/top-data.ts';

const data = topData([
  partition(0, 'greeter', {
    consumption: consumption({ cpu: 0.5, rssBytes: 10 }),
    services: [service('web'), service('worker', { state: 'FATAL' })],
    promises: [promise('fine', true)],
  }),
  partition(1, 'mirror', { consumption: consumption({ cpu: 0.9, rssBytes: 5 }) }),
  partition(2, null),
]);

/** Presses keys one after the other. */
function press(keys: string | readonly Key[], from: Partial<TopState> = {}) {
  let state = topState(from);
  const effects: Effect[] = [];
  for (const key of typeof keys === 'string' ? parseKeys(keys) : keys) {
    const pressed = pressKey(state, key, { data, size: USUAL_SIZE });
    state = pressed.state;
    if (pressed.effect !== undefined) effects.push(pressed.effect);
  }
  return { state, effects };
}

describe('in the table', () => {
  it('chooses by name, so that the choice stays when the order changes', () => {
    expect(press('j').state.partitions.chosen).toBe('slappart0');
    expect(press('jm').state.partitions.chosen).toBe('slappart0');
    expect(press('jjjjj').state.partitions.chosen).toBe('slappart2');
    expect(press('jjk').state.partitions.chosen).toBe('slappart0');
  });

  it('takes the first row for whatever is first', () => {
    expect(press('jk').state.partitions.chosen).toBeNull();
    expect(press('Gg').state.partitions.chosen).toBeNull();
  });

  it('sorts by letters and by neighbours, and turns round', () => {
    expect(press('m').state.sortBy).toBe('mem');
    expect(press('>').state.sortBy).toBe('mem');
    expect(press('<').state.sortBy).toBe('name');
    expect(press('r').state.isReversed).toBe(true);
    expect(press('rm').state.isReversed).toBe(false);
  });

  it('filters as one types, and quits only from outside the filter', () => {
    const typed = press('/qr');
    expect(typed.state).toMatchObject({ filter: 'qr', isFiltering: true });
    expect(typed.effects).toEqual([]);
    expect(press('/qr\r').state).toMatchObject({ filter: 'qr', isFiltering: false });
    expect(press('/qr\x7f').state.filter).toBe('q');
    expect(press('/qr\x15').state.filter).toBe('');
    expect(press(['escape'], { filter: 'x' })).toMatchObject({
      state: { filter: '' },
      effects: [],
    });
    expect(press('q', { filter: 'x' }).effects).toEqual([{ kind: 'quit' }]);
  });

  it('quits, suspends and draws anew from everywhere', () => {
    for (const from of [{}, { partition: 'slappart0' }, { isFiltering: true }]) {
      expect(press('\x03\x1a\x0c', from).effects.map(({ kind }) => kind)).toEqual([
        'quit',
        'suspend',
        'redraw',
      ]);
    }
    expect(press(['escape']).effects).toEqual([{ kind: 'quit' }]);
  });

  it('looks into the chosen partition and comes back', () => {
    expect(press('\r').state.partition).toBe('slappart1');
    expect(press('j\r').state.partition).toBe('slappart0');
    expect(press('j\rq').state).toMatchObject({
      partition: null,
      partitions: { chosen: 'slappart0' },
    });
  });
});

describe('in a partition', () => {
  const inside = { partition: 'slappart0' };

  it('has what failed first', () => {
    expect(press('\r', inside).state.text?.subject).toEqual({ kind: 'service', name: 'worker' });
    expect(press('jj\r', inside).state.text?.subject).toEqual({ kind: 'promise', title: 'fine' });
  });

  it('restarts a service only when the answer is yes', () => {
    const asked = press('jR', inside);
    expect(asked.state.question).toEqual({ partition: 'slappart0', service: 'web' });
    expect(asked.effects).toEqual([]);
    for (const no of ['n', 'q', '\r', ' ', '\x1b']) {
      const answered = press(`R${no}`, inside);
      expect(answered.effects).toEqual([]);
      expect(answered.state).toMatchObject({ question: null, partition: 'slappart0' });
    }
    expect(press('jRy', inside).effects).toEqual([
      { kind: 'restart', partition: 'slappart0', service: 'web' },
    ]);
  });

  it('restarts and follows services only', () => {
    const { effects, state } = press('GRy', inside);
    expect(effects).toEqual([]);
    expect(press('GR', inside).state.notice).toMatch(/service/);
    expect(state.question).toBeNull();
    expect(press('Gt', inside).state.text).toBeNull();
  });

  it('follows a log, stops following when one goes up, and follows on from its end', () => {
    const log = {
      partition: 'slappart0',
      service: 'web',
      channel: 'stdout',
      lines: Array.from({ length: 100 }, (_, index) => `line ${index}`),
      problem: '',
    } as const;
    let state = press('jt', inside).state;
    expect(state.text).toEqual({
      subject: { kind: 'log', service: 'web', channel: 'stdout' },
      top: null,
    });
    const step = (key: Key) => {
      state = pressKey(state, key, { data: { ...data, log }, size: USUAL_SIZE }).state;
      return state.text?.top;
    };
    // 24 rows, less the head and the foot.
    expect(step('up')).toBe(100 - 22 - 1);
    expect(step('home')).toBe(0);
    expect(step('end')).toBeNull();
    step('tab');
    expect(state.text?.subject).toMatchObject({ channel: 'stderr' });
    step('escape');
    expect(state).toMatchObject({ text: null, partition: 'slappart0' });
  });

  it('goes back to the table when the partition is gone', () => {
    expect(press('q', { partition: 'slappart9' }).effects).toEqual([{ kind: 'quit' }]);
  });
});

describe('help', () => {
  it('comes and goes with ?', () => {
    expect(press('?').state.text?.subject.kind).toBe('help');
    expect(press('??').state.text).toBeNull();
    expect(press('?q').state.text).toBeNull();
    expect(press('?q').effects).toEqual([]);
  });
});
