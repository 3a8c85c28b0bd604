import { expect, it } from 'vitest';
import { createLogger, createSink } from '../../../src/log/create-logger.ts';
import { renderConsoleLine, renderFileLine, renderJsonLine } from '../../../src/log/line-format.ts';
import { makeLogPrintable, makePrintable } from '../../../src/log/printable.ts';
import { setInLines } from '../../../src/log/set-in-lines.ts';

/** Sequences that rename the window, clear it, answer back, hide text and turn it around. */
const HOSTILE = '\x1b]0;owned\x07\x1b[2J\x9b5n\x05\r\x08\x7f\u202eabc\u2028\ttab\nline';
const HARMLESS = '\\x1b]0;owned\\x07\\x1b[2J\\x9b5n\\x05\\r\\x08\\x7f\\u202eabc\\u2028\ttab\nline';

const record = (message: string) => ({
  time: new Date(2026, 0, 2, 3, 4, 5, 6),
  level: 'INFO' as const,
  logger: 'slapos',
  pid: 7,
  message,
  fields: {},
});

it('shows what a terminal would obey', () => {
  expect(makePrintable(HOSTILE)).toBe(HARMLESS);
});

it('leaves text, tabs and lines alone', () => {
  const text = 'é ü 漢 🚀 \t x\ny [31m';
  expect(makePrintable(text)).toBe(text);
  expect(makePrintable('a\r\nb')).toBe('a\nb');
});

it('lets the colours of a log through, and ends them', () => {
  const log = 'a \x1b[1;31mred\x1b[2J\x1b[m b\r\n\x1b]0;owned\x07';
  expect(makeLogPrintable(log)).toBe('a \x1b[1;31mred\\x1b[2J\x1b[m b\n\\x1b]0;owned\\x07\x1b[0m');
  expect(makeLogPrintable('plain\x1b[')).toBe('plain\\x1b[');
});

it('is how messages reach the console and the log file', () => {
  const style = { hasTime: false, hasColors: false };
  expect(renderConsoleLine(record(HOSTILE), style)).toBe(`slapos[7] INFO ${HARMLESS}\n`);
  expect(renderFileLine(record(HOSTILE))).toContain(` INFO     ${HARMLESS}\n`);
});

it('leaves no command in a JSON line, which says the same', () => {
  const line = renderJsonLine(record(HOSTILE), 'run');
  expect(line).toMatch(/^[^\p{Cc}\u202e\u2028]*\n$/u);
  expect(JSON.parse(line)).toMatchObject({ message: HOSTILE });
});

it('can set in what follows the first line of a message', () => {
  const lines: string[] = [];
  const sink = createSink('DEBUG', renderFileLine, (line) => void lines.push(line));
  const now = () => new Date(2026, 0, 2, 3, 4, 5, 6);
  const log = setInLines(createLogger({ name: 'slapos', pid: 7, sinks: [sink], now }));
  log.child('x').error('failed:\n[2026-01-02 03:04:05,006] ERROR    faked');
  expect(lines).toEqual([
    '[2026-01-02 03:04:05,006] ERROR    failed:\n  [2026-01-02 03:04:05,006] ERROR    faked\n',
  ]);
});
