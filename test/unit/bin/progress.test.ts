/** The bar on a real terminal: the pseudo-terminal of script(1). */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../../support/bundle-slapos.ts';
import { renderScreen } from '../../support/terminal-screen.ts';

let built = { folder: '', program: '' };
beforeAll(async () => {
  built = await bundleProgram('test/fixtures/progress-program.ts');
});
afterAll(() => rmSync(built.folder, { recursive: true }));

const COLUMNS = 50;

function onTerminal(env: Readonly<Record<string, string>>, word = ''): string {
  const line = `stty cols ${COLUMNS} rows 24; exec '${process.execPath}' '${built.program}' ${word}`;
  const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', SHELL: '/bin/sh', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return stdout;
}

/** The screen without the number of the process. */
function screenOf(written: string): string[] {
  return renderScreen(written, COLUMNS).map((line) => line.replace(/\[\d+\]/, '[PID]'));
}

describe('on a terminal', () => {
  it('a bar stands below the log while it lasts and is gone at the end', () => {
    const written = onTerminal({ TERM: 'xterm', NO_COLOR: '1' });
    expect(screenOf(written)).toEqual([
      'slapos[PID] INFO a bar of 49',
      'slapos[PID] WARNING half of it',
      'done',
      '',
    ]);
    const until = written.slice(0, written.indexOf('half of it') + 'half of it\r\n'.length);
    expect(written).toContain('\r\x1b[K[#');
    expect(screenOf(until).slice(0, 2)).toEqual([
      'slapos[PID] INFO a bar of 49',
      'slapos[PID] WARNING half of it',
    ]);
    const bars = written.match(/\[#*\.*\] +\d+% +\d+\/40/g) ?? [];
    expect(bars.length).toBeGreaterThan(2);
    expect(bars.length).toBeLessThan(20);
  });

  it('none is left behind by a run that fails', () => {
    const screen = screenOf(onTerminal({ TERM: 'xterm', NO_COLOR: '1' }, 'throw'));
    expect(screen.join('\n')).not.toContain('/40');
    expect(screen.join('\n')).toContain('half of it\n');
    expect(screen.join('')).toContain('thrown');
  });

  it('that cannot erase, there is none', () => {
    expect(onTerminal({ TERM: 'dumb' })).not.toContain('\x1b');
  });
});

it('in a pipe there is none', () => {
  const { stderr } = spawnSync(process.execPath, [built.program], { encoding: 'utf8', env: {} });
  expect(stderr).toMatch(/^slapos\[\d+\] INFO no bar\nslapos\[\d+\] WARNING half of it\n$/);
});
