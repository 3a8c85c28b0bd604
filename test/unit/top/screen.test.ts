import { beforeEach, describe, expect, it } from 'vitest';
import { line, span } from '../../../src/top/line.ts';
import { encodeLine, Screen } from '../../../src/top/screen.ts';
import { FullScreen } from '../../support/full-screen.ts';

describe('Screen', () => {
  let terminal: FullScreen;
  let writes: string[];
  let screen: Screen;
  beforeEach(() => {
    terminal = new FullScreen(20, 3);
    writes = [];
    const write = (text: string) => {
      writes.push(text);
      terminal.write(text);
    };
    screen = new Screen(write, { hasColors: true, isAscii: false });
  });

  it('shows frames by one write each, of the lines that differ', () => {
    screen.enter();
    screen.show([line(span('one')), line(span('two', 'bad')), line(span('three'))]);
    expect(terminal.lines).toEqual(['one', 'two', 'three']);
    expect(terminal.styleOf(1, 'two')).toContain('31');
    screen.show([line(span('one')), line(span('2')), line(span('three'))]);
    expect(terminal.lines).toEqual(['one', '2', 'three']);
    expect(writes.length).toBe(3);
    expect(writes[2]).not.toContain('three');
    screen.show([line(span('one')), line(span('2')), line(span('three'))]);
    expect(writes.length).toBe(3);
  });

  it('draws everything after it was told to forget, or with other lines', () => {
    screen.enter();
    screen.show([line(span('one'))]);
    terminal.write('\x1b[2J');
    screen.forget();
    screen.show([line(span('one'))]);
    expect(terminal.lines[0]).toBe('one');
  });

  it('gives the terminal back once, and writes nothing before and after', () => {
    screen.show([line(span('early'))]);
    screen.enter();
    screen.enter();
    expect(terminal.isAlternate).toBe(true);
    expect(terminal.modes.get('25')).toBe(false);
    screen.leave();
    screen.leave();
    screen.show([line(span('late'))]);
    expect(terminal.isAlternate).toBe(false);
    expect([...terminal.modes.entries()].sort()).toEqual([
      ['1049', false],
      ['25', true],
      ['7', true],
    ]);
    expect(writes.length).toBe(2);
    expect(terminal.problems).toEqual([]);
  });

  it('shows a full line to its last column', () => {
    screen.enter();
    screen.show([line(span('x'.repeat(20))), { isChosen: true, spans: [span('日'.repeat(10))] }]);
    expect(terminal.lines.slice(0, 2)).toEqual(['x'.repeat(20), '日'.repeat(10)]);
    expect(terminal.problems).toEqual([]);
  });
});

describe('encodeLine', () => {
  const bad = line(span('bad', 'bad'), span('é', 'good'), span('next'));

  it('has no colours under NO_COLOR, and says trouble in bold', () => {
    const text = encodeLine(bad, { hasColors: false, isAscii: false });
    expect(text).toContain('\x1b[1mbad');
    for (const code of ['31', '32', '36']) expect(text).not.toContain(`${code}m`);
  });

  it('says where to go on after what a terminal may think to be of another width', () => {
    expect(encodeLine(bad, { hasColors: false, isAscii: false })).toContain('é\x1b[5Gnext');
    expect(encodeLine(bad, { hasColors: false, isAscii: true })).toContain('?next');
  });
});
