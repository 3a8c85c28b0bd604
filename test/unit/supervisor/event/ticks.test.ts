import { describe, expect, it } from 'vitest';
import { Ticks } from '../../../../src/supervisor/event/ticks.ts';
import { FakeClock } from '../../../support/fake-keeper.ts';

function setUp(wanted: Set<string>) {
  const clock = new FakeClock();
  const events: string[] = [];
  const ticks = new Ticks({
    wallMs: () => clock.wallMs(),
    setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
    isWanted: (name) => wanted.has(name),
    emit: ({ name, payload }) => void events.push(`${name} ${payload}`),
  });
  ticks.update();
  return { clock, events, ticks };
}

describe('Ticks', () => {
  it('tells the multiples of a period that somebody listens to', async () => {
    const { clock, events } = setUp(new Set(['TICK_5']));
    const first = Math.floor(clock.wallMs() / 5000) * 5 + 5;
    await clock.advance(11_000);
    expect(events.slice(0, 2)).toEqual([`TICK_5 when:${first}`, `TICK_5 when:${first + 5}`]);
    expect(events.every((event) => event.startsWith('TICK_5 '))).toBe(true);
  });

  it('arms no timer for nobody, and stops when the last one left', async () => {
    const wanted = new Set<string>();
    const { clock, events, ticks } = setUp(wanted);
    await clock.advance(20_000);
    expect(events).toEqual([]);
    wanted.add('TICK_5');
    ticks.update();
    await clock.advance(5000);
    expect(events).toHaveLength(1);
    wanted.clear();
    ticks.update();
    await clock.advance(60_000);
    expect(events).toHaveLength(1);
  });
});
