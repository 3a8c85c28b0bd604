import { describe, expect, it } from 'vitest';
import { type Coverage, FuzzRun } from '../../fuzz/driver/engine.ts';
import { COVERAGE_BANNER, instrument } from '../../fuzz/driver/instrument.ts';
import { ensure, type FuzzTarget } from '../../fuzz/driver/target.ts';

const DEEP = `
exports.decode = (text) => {
  if (text.length > 3)
    if (text[0] === 'f')
      if (text[1] === 'u' && text[2] === 'z') {
        switch (text.slice(3, 8)) { case 'magic': throw new TypeError('found'); }
      }
  for (const letter of text) letter === 'x' ? 0 : 1;
  return text ?? (() => 'never')();
};`;

/** A program as it is and with counters. */
function load(source: string): { decode(text: string): unknown; coverage: Coverage } {
  const run = new Function('exports', `${COVERAGE_BANNER}${instrument('deep.js', source)}`);
  const program = { decode: (_text: string): unknown => undefined };
  run(program);
  const { slaposFuzz } = globalThis as unknown as { slaposFuzz: Coverage };
  return { decode: program.decode, coverage: slaposFuzz };
}

function fuzzDeep(seed: number, maxRuns: number) {
  const { coverage, decode } = load(DEEP);
  const target: FuzzTarget = {
    name: 'deep',
    shape: 'bytes',
    seeds: ['fuabcdefgh'],
    run: (input) => void decode(Buffer.from(input).toString('latin1')),
  };
  const settings = { corpus: [], seed, maxRuns, maxMs: 1e9, isTimed: false };
  return new FuzzRun(target, coverage, settings);
}

describe('the fuzzer', () => {
  it('finds what only coverage leads to', async () => {
    const first = await fuzzDeep(7, 12_000).run();
    expect(first.findings).toMatchObject([{ kind: 'broken' }]);
    expect(first.findings[0]?.reason).toMatch(/^TypeError: found/);
    expect(Buffer.from(first.findings[0]?.input ?? []).toString('latin1')).toMatch(/^fuzmagic/);
    expect(first.reached).toBeLessThanOrEqual(first.parts);
  });

  it('goes the same way from the same seed', async () => {
    const [one, other] = [await fuzzDeep(5, 1000).run(), await fuzzDeep(5, 1000).run()];
    expect(other.kept).toEqual(one.kept);
  });

  it('keeps few inputs that reach as much', async () => {
    const run = fuzzDeep(3, 5000);
    const { kept } = await run.run();
    const few = run.smallest(30, 2048);
    expect(few.length).toBeLessThan(kept.length);
    expect(run.smallest(2, 2048)).toHaveLength(2);
  });
});

describe('counters', () => {
  it('leave a program what it was', () => {
    const source = `
      import { a } from './a.ts';
      export function f(x: number): string | undefined {
        if (x > 1) return 'b'; else if (x < 0) return undefined;
        do x--; while (x > -3);
        const g = (y: number) => ({ y });
        switch (x) { case 1: case 2: break; default: x += a ? 1 : 2; }
        return g(x).y && (x as number | undefined) ? 'c' : 'd';
      }`;
    const counted = instrument('f.ts', source);
    expect(() => instrument('again.ts', counted)).not.toThrow();
    expect(counted).toContain('slaposFuzz.open(');
    expect(counted.match(/slaposEdge\[\d+\]\+\+/g)?.length).toBe(13);
  });

  it('refuse what is no program', () => {
    expect(() => instrument('f.ts', 'if (')).toThrow('f.ts');
  });
});

it('says what does not hold', () => {
  expect(() => ensure(false, 'this')).toThrow('this');
});
