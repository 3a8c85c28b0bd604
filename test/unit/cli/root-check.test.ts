import { describe, expect, test } from 'vitest';
import type { CommandSpec } from '../../../src/cli/command.ts';
import { COMMANDS } from '../../../src/cli/registry.ts';
import { checkRootAlways, checkRootConfigured } from '../../../src/cli/root-check.ts';
import { parseConfig } from '../../../src/config/read.ts';

function command(words: string): CommandSpec {
  const found = COMMANDS.find((one) => one.words === words);
  if (found === undefined) throw new Error(words);
  return found;
}

const NOT_ROOT = expect.objectContaining({
  message: 'This slapos command must be run as root.',
  exitCode: 5,
});

describe('before the configuration is read', () => {
  test.each(['node register', 'node collect', 'configure local'])('%s', (words) => {
    expect(() => checkRootAlways(command(words), 1000)).toThrow(NOT_ROOT);
    expect(() => checkRootAlways(command(words), 0)).not.toThrow();
  });

  test('no other command', () => {
    const checked = COMMANDS.filter((one) => one.rootCheck === 'always');
    expect(checked).toHaveLength(3);
  });
});

describe('by root_check', () => {
  const check = (words: string, value: string | undefined, uid = 1000) =>
    checkRootConfigured(
      command(words),
      parseConfig(value === undefined ? '[slapos]\n' : `[slapos]\nroot_check = ${value}\n`, 'F'),
      uid,
    );

  test.each([
    ...['bang', 'boot', 'supervisorctl', 'status', 'start', 'stop', 'restart', 'tail'],
    ...['format', 'software', 'instance', 'report', 'promise', 'prune'],
  ])('node %s', (verb) => {
    expect(() => check(`node ${verb}`, undefined)).toThrow(NOT_ROOT);
    expect(() => check(`node ${verb}`, 'TRUE')).toThrow(NOT_ROOT);
    expect(() => check(`node ${verb}`, 'true', 0)).not.toThrow();
    expect(() => check(`node ${verb}`, 'False')).not.toThrow();
    expect(() => check(`node ${verb}`, 'no')).not.toThrow();
  });

  test('format reads it in its own section too, where [slapos] lacks it', () => {
    const format = (text: string) =>
      checkRootConfigured(command('node format'), parseConfig(text, 'F'), 1000);
    const own = '[slapformat]\nroot_check = false\n';
    expect(() => format(own)).not.toThrow();
    expect(() => format(`[slapos]\nroot_check = true\n${own}`)).toThrow(NOT_ROOT);
    const software = parseConfig(own, 'F');
    expect(() => checkRootConfigured(command('node software'), software, 1000)).toThrow(NOT_ROOT);
  });

  test('a wrong value in the words of each kind of command', () => {
    expect(() => check('node software', 'maybe')).toThrow('maybe is neither True nor False.');
    expect(() => check('node bang', 'maybe')).toThrow('Not a boolean: maybe');
  });

  test.each(['node supervisord', 'request', 'proxy start', 'complete', 'config show'])(
    '%s never asks',
    (words) => {
      expect(() => check(words, 'maybe')).not.toThrow();
    },
  );
});
