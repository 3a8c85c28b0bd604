import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputFilter, type OutputPart } from '../../../../src/supervisor/output/output-filter.ts';

const BEGIN = '<!--XSUPERVISOR:BEGIN-->';
const END = '<!--XSUPERVISOR:END-->';

function feed(
  chunks: readonly string[],
  { captureMaxBytes = 1000, isAnsiStripped = false } = {},
): OutputPart[] {
  const filter = new OutputFilter({ captureMaxBytes, isAnsiStripped });
  const parts = chunks.flatMap((chunk) => filter.push(Buffer.from(chunk, 'latin1')));
  return [...parts, ...filter.end()];
}

function joined(parts: readonly OutputPart[], wanted: OutputPart['kind']): string {
  const found = parts.filter(({ kind }) => kind === wanted);
  return Buffer.concat(found.map(({ data }) => data)).toString('latin1');
}

/** Cuts a text at the given places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => text.slice(start, at[index] ?? text.length));
}

const PIECES = fc.array(
  fc.constantFrom(BEGIN, END, 'a', '<', '<!--', 'text\n', '\u001b[', '\u001b[31m', 'm', '\xff'),
  { maxLength: 30 },
);

describe('OutputFilter', () => {
  it('takes captured text out of the log', () => {
    const parts = feed([`one ${BEGIN}two${END} three`]);
    expect(joined(parts, 'log')).toBe('one  three');
    expect(joined(parts, 'captured')).toBe('two');
    expect(joined(parts, 'communication')).toBe('two');
  });

  it('keeps the end of a captured text that is too long', () => {
    const parts = feed([`${BEGIN}0123456789`, `abc${END}`], { captureMaxBytes: 5 });
    expect(joined(parts, 'communication')).toBe('89abc');
  });

  it('hands on at once what cannot be a mark', () => {
    const filter = new OutputFilter({ captureMaxBytes: 10, isAnsiStripped: false });
    expect(joined(filter.push(Buffer.from('ready\n')), 'log')).toBe('ready\n');
    expect(joined(filter.push(Buffer.from('a <!--X')), 'log')).toBe('a ');
    expect(joined(filter.push(Buffer.from('ML')), 'log')).toBe('<!--XML');
  });

  it('loses nothing when a process ends in the middle', () => {
    expect(joined(feed([`a ${BEGIN}b`, ' c<!--X']), 'log')).toBe(`a ${BEGIN}b c<!--X`);
    expect(joined(feed(['a \u001b[3'], { isAnsiStripped: true }), 'log')).toBe('a \u001b[3');
  });

  it('strips a sequence that begins again and again, whatever its length', () => {
    const parts = feed(['\u001b['.repeat(500_000), '31mred'], { isAnsiStripped: true });
    expect(joined(parts, 'log')).toMatch(/red$/);
    const whole = feed([`${'\u001b['.repeat(500_000)}31mred`], { isAnsiStripped: true });
    expect(joined(whole, 'log')).toBe('red');
  });

  it('strips escape sequences', () => {
    const parts = feed(['a\u001b[1;31mred\u001b', '[0m b\u001b[2', 'K'], { isAnsiStripped: true });
    expect(joined(parts, 'log')).toBe('ared b');
  });

  it('gives the same wherever the output is cut', () => {
    fc.assert(
      fc.property(
        PIECES,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom(0, 3, 1000),
        (pieces, places, isAnsiStripped, captureMaxBytes) => {
          const text = pieces.join('');
          const options = { isAnsiStripped, captureMaxBytes };
          const whole = feed([text], options);
          const parts = feed(cut(text, places), options);
          expect(joined(parts, 'log')).toBe(joined(whole, 'log'));
          expect(joined(parts, 'communication')).toBe(joined(whole, 'communication'));
        },
      ),
    );
  });

  it('changes nothing when nothing is asked for', () => {
    fc.assert(
      fc.property(PIECES, fc.array(fc.nat()), (pieces, places) => {
        const text = pieces.join('');
        expect(joined(feed(cut(text, places), { captureMaxBytes: 0 }), 'log')).toBe(text);
      }),
    );
  });
});
