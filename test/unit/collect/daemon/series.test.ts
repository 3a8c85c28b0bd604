import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SERIES_FIELDS, SeriesRing } from '../../../../src/collect/daemon/series.ts';

const row = (value: number) => SERIES_FIELDS.map((_, index) => value + index);

it('a ring gives back the newest samples of each partition, in their order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.nat(30),
      fc.nat(30),
      (capacity, count, since) => {
        const ring = new SeriesRing(2, capacity);
        for (let at = 1; at <= count; at += 1) {
          ring.push(at, Float64Array.from([...row(at), ...row(-100 * at)]));
        }
        const wanted = Array.from({ length: count }, (_, index) => index + 1)
          .slice(-capacity)
          .filter((at) => at > since);
        expect(ring.length).toBe(Math.min(count, capacity));
        expect(ring.read(0, since).timesMs).toEqual(wanted);
        expect(ring.read(0, since).values.cpu).toEqual(wanted);
        expect(ring.read(1, since).values.netOutBytesPerS).toEqual(
          wanted.map((at) => -100 * at + 9),
        );
      },
    ),
  );
});

it('counts beyond what is kept are the largest, others as they are', () => {
  const ring = new SeriesRing(1, 2);
  const values = { cpu: 1e6, rssBytes: 2 ** 40, processes: 65_535, threads: 65_536 };
  ring.push(1, Float64Array.from([...Object.values(values), 1, 2, 3, 4, 5, 6]));
  expect(ring.read(0, 0).values).toMatchObject({
    cpu: [1e6],
    rssBytes: [2 ** 40],
    processes: [65_535],
    threads: [65_535],
    readBytesPerS: [1],
    netOutBytesPerS: [6],
  });
});
