import { describe, expect, it } from 'vitest';
import { createOutput } from '../../../src/cli/output.ts';
import { type StatusStream, statusLineOf, withStatusLine } from '../../../src/cli/status-line.ts';
import { renderScreen } from '../../support/terminal-screen.ts';

function terminal(columns: number | undefined = 40, isTerminal = true) {
  const writes: string[] = [];
  const stream = withStatusLine({
    write: (text) => void writes.push(text),
    isTerminal: () => isTerminal,
    terminalColumns: () => columns,
  });
  const screen = () => renderScreen(writes.join('').replaceAll('\n', '\r\n'), columns);
  return { stream, writes, screen };
}

describe('a stream with a status line', () => {
  it('keeps it below what is written, in one write each', () => {
    const { stream, writes, screen } = terminal();
    stream.write('first\n');
    stream.showStatus('half');
    stream.write('second\n');
    expect(screen()).toEqual(['first', 'second', 'half']);
    stream.showStatus('all');
    expect(screen()).toEqual(['first', 'second', 'all']);
    stream.clearStatus();
    stream.clearStatus();
    expect(screen()).toEqual(['first', 'second', '']);
    expect(writes).toHaveLength(5);
  });

  it('writes nothing for what is there already, and no control sequence without it', () => {
    const { stream, writes } = terminal();
    stream.write('line\n');
    stream.clearStatus();
    expect(writes).toEqual(['line\n']);
    stream.showStatus('half');
    stream.showStatus('half');
    expect(writes).toEqual(['line\n', 'half']);
  });

  it('gives way to a line that is not finished', () => {
    const { stream, screen } = terminal();
    stream.showStatus('half');
    stream.write('password: ');
    expect(screen()).toEqual(['password:']);
  });

  it('gives way to data for the same terminal', () => {
    const { stream, screen } = terminal();
    const output = createOutput(stream, {}, () => stream.clearStatus());
    stream.showStatus('half');
    output.line('data');
    stream.showStatus('all');
    expect(screen()).toEqual(['data', 'all']);
  });
});

describe('statusLineOf', () => {
  const plain = { verbosity: 1, logFormat: 'text' } as const;
  const lineOf = (stream: StatusStream, env = {}, settings = {}) =>
    statusLineOf(stream, env, { ...plain, ...settings });

  it('is as wide as the terminal without its last column', () => {
    expect(lineOf(terminal(100).stream, { TERM: 'xterm' })?.width).toBe(99);
    expect(lineOf(terminal(0).stream, {})?.width).toBe(79);
  });

  it.each([
    ['a pipe', terminal(80, false).stream, {}, {}],
    ['TERM=dumb', terminal().stream, { TERM: 'dumb' }, {}],
    ['--quiet', terminal().stream, {}, { verbosity: 0 }],
    ['--verbose', terminal().stream, {}, { verbosity: 2 }],
    ['a JSON log', terminal().stream, {}, { logFormat: 'json' }],
  ])('is not for %s', (_why, stream, env, settings) => {
    expect(lineOf(stream, env, settings)).toBeUndefined();
  });
});
