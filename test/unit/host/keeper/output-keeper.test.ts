import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOutputKeeper } from '../../../../src/host/keeper/output-keeper.ts';

describe('createOutputKeeper', () => {
  it('keeps all of what fits, and else beginning and end, in whatever pieces it comes', () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 40 }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        pieces,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (texts, head, tail) => {
          const keeper = createOutputKeeper(head, tail);
          for (const text of texts) keeper.take(Buffer.from(text));
          const all = texts.join('');
          const missing = all.length - head - tail;
          expect(keeper.text()).toBe(
            missing <= 0
              ? all
              : `${all.slice(0, head)}\n[... ${missing} bytes left out ...]\n${all.slice(-tail)}`,
          );
        },
      ),
    );
  });

  it('replaces invalid UTF-8', () => {
    const keeper = createOutputKeeper();
    keeper.take(Buffer.from([0x61, 0xff]));
    expect(keeper.text()).toBe('a\ufffd');
  });

  it('does not split a character between beginning and end', () => {
    const keeper = createOutputKeeper(2, 10);
    keeper.take(Buffer.from('aéb'));
    expect(keeper.text()).toBe('aéb');
  });

  it('needs no more memory for single bytes than for large pieces', () => {
    const keeper = createOutputKeeper();
    const before = process.memoryUsage().rss;
    for (let index = 0; index < 3_000_000; index += 1) keeper.take(Buffer.from('x'));
    expect(keeper.text()).toHaveLength(1024 * 1024 + '\n[... 1951424 bytes left out ...]\n'.length);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });
});
