import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pythonFloat, pythonRound } from '../../../src/model/python-number.ts';

const PYTHON = '/usr/bin/python3';
const hasPython = spawnSync(PYTHON, ['-c', '']).status === 0;

/** What Python makes of numbers, given as the hexadecimal of their eight bytes. */
function askPython(expression: string, values: readonly number[]): string[] {
  const bytes = Buffer.from(new Float64Array(values).buffer);
  const script = `import struct,sys
for (x,) in struct.iter_unpack('<d', sys.stdin.buffer.read()): print(${expression})`;
  const run = spawnSync(PYTHON, ['-c', script], { input: bytes, maxBuffer: 1 << 28 });
  return run.stdout.toString().trimEnd().split('\n');
}

describe('pythonFloat', () => {
  test.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [10, '10.0'],
    [0.1, '0.1'],
    [25.400000000000006, '25.400000000000006'],
    [0.007308349473280285, '0.007308349473280285'],
    [1e-4, '0.0001'],
    [1e-5, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [9999999999999998, '9999999999999998.0'],
    [1e16, '1e+16'],
    [1.25e22, '1.25e+22'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [-1234.5, '-1234.5'],
    [270553174016, '270553174016.0'],
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ])('%d is %s', (value, text) => {
    expect(pythonFloat(value)).toBe(text);
  });

  test('reads back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(pythonFloat(value))).toBe(value);
      }),
    );
  });
});

describe('pythonRound', () => {
  test.each([
    [0.125, 2, 0.12],
    [0.375, 2, 0.38],
    [2.675, 2, 2.67],
    [-0.125, 2, -0.12],
    [7.365, 1, 7.4],
    [0.25, 1, 0.2],
    [0.35, 1, 0.3],
    [2.5, 0, 2],
    [3.5, 0, 4],
    [1e21, 2, 1e21],
    [6085431306, 2, 6085431306],
  ])('round(%d, %d) is %d', (value, decimals, expected) => {
    expect(pythonRound(value, decimals)).toBe(expected);
  });
});

describe.skipIf(!hasPython)('agreement with Python itself', () => {
  const eighths = Array.from({ length: 4000 }, (_, index) => (index - 2000) / 8);
  const random = fc.sample(fc.double({ noDefaultInfinity: true, noNaN: true }), 20000);
  const moderate = fc.sample(fc.double({ min: -1e6, max: 1e6, noNaN: true }), 20000);
  const values = [...eighths, ...random, ...moderate];

  test('repr', () => {
    expect(values.map(pythonFloat)).toEqual(askPython('repr(x)', values));
  });
  test('round to one and to two decimals', () => {
    const ours = (decimals: number) => values.map((x) => pythonFloat(pythonRound(x, decimals)));
    expect(ours(1)).toEqual(askPython('round(x, 1)', values));
    expect(ours(2)).toEqual(askPython('round(x, 2)', values));
  });
});
