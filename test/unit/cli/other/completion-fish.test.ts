/** The completion script for fish, as fish itself understands it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderFishCompletion } from '../../../../src/cli/other/completion-fish.ts';
import { COMMANDS } from '../../../../src/cli/registry.ts';
import { requires } from '../../../support/requires.ts';

requires('fish')('completion in fish', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-fish-'));
    writeFileSync(join(folder, 'slapos.fish'), renderFishCompletion('slapos', COMMANDS));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What is offered for a line, without descriptions. */
  function complete(line: string): string[] {
    const script = 'source $argv[1]; complete -C $argv[2]';
    const words = ['--no-config', '-c', script, join(folder, 'slapos.fish'), line];
    // It keeps its history and settings there.
    const env = { PATH: process.env['PATH'], HOME: folder };
    const { status, stdout, stderr } = spawnSync('fish', words, { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([0, '']);
    return stdout.split('\n').flatMap((offer) => offer.split('\t')[0] || []);
  }

  it.each([
    ['slapos --verb', ['--verbose']],
    ['slapos node software --verb', ['--verbose']],
    ['slapos --log-format ', ['json', 'text']],
    ['slapos --hel', ['--help']],
    ['slapos node format --hel', ['--help']],
    ['slapos node forma', ['format']],
    ['slapos node format --dry', ['--dry_run']],
    ['slapos --log-t', []],
  ])('of %s', (line, offers) => {
    expect(complete(line).sort()).toEqual(offers);
  });
});
