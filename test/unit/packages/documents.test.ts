import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UDEV_RULE_PATH } from '../../../src/format/plan-udev.ts';
import { loadScript } from '../../support/package-scripts.ts';

const EDITION = { date: '2026-01-02', version: '1.2.3' };
const { escapeRoff } = await loadScript<'escapeRoff'>('man-page.mjs');
const documents = await loadScript<'renderPages' | 'renderCompletions'>('documents.mjs');
const { loadRegistry } = await loadScript<'loadRegistry'>('registry.mjs');
const registry = await loadRegistry();
const pages = documents.renderPages(registry, EDITION);
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-pages-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;

/** What groff prints of pages, and complains of. */
function render(texts: ReadonlyArray<readonly [string, string]>) {
  const files = texts.map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  return spawnSync('groff', ['-man', '-Tascii', '-P-cbou', '-ww', ...files], { encoding: 'utf8' });
}

describe('manual pages', () => {
  it('are one of slapos and one of each command', () => {
    const names = pages.map(([name]) => name);
    const expected = registry.COMMANDS.map(({ words }) => `slapos-${words.replaceAll(' ', '-')}.1`);
    expect(names).toEqual(['slapos.1', ...expected]);
  });

  it('name every option that is shown', () => {
    for (const [index, command] of registry.COMMANDS.entries()) {
      const text = pages[index + 1]?.[1] ?? '';
      for (const option of command.options) {
        const isShown = option.isHidden !== true;
        const flag = option.flags.find((each) => each.startsWith('--')) ?? option.flags[0] ?? '';
        expect(text.includes(`\\fB${escapeRoff(flag)}\\fR`), `${command.words} ${flag}`).toBe(
          isShown,
        );
      }
    }
  });

  it.skipIf(!has('groff'))('are formatted without a warning', () => {
    const { status, stderr, stdout } = render(pages);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('slapos node format');
  });

  it.skipIf(!has('groff'))('show text as it is, whatever roff makes of such characters', () => {
    const text = ".ends with\n'quoted\n\\fB bold? \\(em --option-name";
    const page = `.TH T 1 "2026-01-02"\n.nf\n${escapeRoff(text)}\n`;
    expect(render([['text.1', page]]).stdout.replace(/^ +/gm, '')).toContain(text);
  });
});

describe('completion', () => {
  const files = documents.renderCompletions(registry);
  const shells = { bash: 'bash-completion', fish: 'fish', zsh: 'zsh' };

  for (const [shell, place] of Object.entries(shells)) {
    const [, text = ''] = Object.entries(files).find(([path]) => path.startsWith(place)) ?? [];
    it(`for ${shell} knows every command`, () => {
      for (const { words } of registry.COMMANDS) {
        expect(text).toContain(words.split(' ').at(-1));
      }
    });
    it.skipIf(!has(shell))(`for ${shell} is what ${shell} can read`, () => {
      const path = join(folder, shell);
      writeFileSync(path, text);
      const { status, stderr } = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    });
  }
});

it('completion for zsh follows commands of three words', () => {
  const [three] = registry.COMMANDS.map(({ words }) => words.split(' ')).filter(
    (words) => words.length === 3,
  );
  const text = documents.renderCompletions(registry)['zsh/vendor-completions/_slapos'] ?? '';
  const prefix = three?.slice(0, 2).join(' ') ?? '';
  expect(text).toMatch(new RegExp(`^ {4}'${prefix}'\\) list=\\(.*'${three?.[2]}:`, 'm'));
});

it('the udev rule of the package gives way to the one that format installs', () => {
  expect(UDEV_RULE_PATH.split('/').at(-1)).toBe('10-slapos-node.rules');
  expect(registry.renderUdevRule({ tapBaseName: 'slaptap' })).toMatch(/^ACTION=="add".*\n$/);
});
