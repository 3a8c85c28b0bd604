import { describe, expect, test } from 'vitest';
import type { OptionSpec } from '../../../src/cli/command.ts';
import { GLOBAL_OPTIONS } from '../../../src/cli/global-options.ts';
import { type PositionalMode, tokenize } from '../../../src/cli/tokenize.ts';

const OPTIONS: readonly OptionSpec[] = [
  { flags: ['--cfg'], name: 'cfg', arity: 'value', help: '' },
  { flags: ['-m', '--message'], name: 'message', arity: 'value', help: '' },
  { flags: ['-n', '--dry_run'], name: 'dry_run', arity: 'flag', help: '' },
  { flags: ['--node'], name: 'node', arity: 'list', help: '' },
  { flags: ['--master-url'], name: 'master_url', arity: 'value', help: '' },
  { flags: ['--master_ca_file'], name: 'master_ca_file', arity: 'value', help: '' },
];

function sort(words: readonly string[], mode: PositionalMode = 'normal') {
  const tokens = tokenize(words, { command: OPTIONS, global: GLOBAL_OPTIONS, mode });
  const given = tokens.given.map(({ spec, values }) => [spec.name, ...values]);
  return { given, positionals: tokens.positionals };
}

describe('options', () => {
  test.each([
    [
      ['--cfg', 'x'],
      ['cfg', 'x'],
    ],
    [['--cfg=x'], ['cfg', 'x']],
    [['--cfg='], ['cfg', '']],
    [['--cfg=a=b'], ['cfg', 'a=b']],
    [
      ['--cf', 'x'],
      ['cfg', 'x'],
    ],
    [['--mess=x'], ['message', 'x']],
    [['--dry'], ['dry_run']],
    [['--dry-run'], ['dry_run']],
    [['--master_url=x'], ['master_url', 'x']],
    [
      ['-m', 'hi'],
      ['message', 'hi'],
    ],
    [['-mhi'], ['message', 'hi']],
    [['-m=hi'], ['message', 'hi']],
    [
      ['-m', '-5'],
      ['message', '-5'],
    ],
    [
      ['-m', '- a b'],
      ['message', '- a b'],
    ],
    [
      ['-m', '-'],
      ['message', '-'],
    ],
    [['--logfile=F'], ['log_file', 'F']],
    [
      ['--log_file', 'F'],
      ['log_file', 'F'],
    ],
    [['--verb'], ['verbose']],
  ])('%j', (words, expected) => {
    expect(sort(words)).toEqual({ given: [expected], positionals: [] });
  });

  test('several short ones in one word', () => {
    expect(sort(['-vnmhi']).given).toEqual([['verbose'], ['dry_run'], ['message', 'hi']]);
    expect(sort(['-vv']).given).toEqual([['verbose'], ['verbose']]);
  });

  test('a list takes every word up to the next option', () => {
    expect(sort(['R', 'U', '--node', 'a=b', 'c=d', '-n', 'x'])).toEqual({
      given: [['node', 'a=b', 'c=d'], ['dry_run']],
      positionals: ['R', 'U', 'x'],
    });
    expect(sort(['--node', 'a=b', 'R', 'U'])).toEqual({
      given: [['node', 'a=b', 'R', 'U']],
      positionals: [],
    });
    expect(sort(['--node=a=b', 'R', 'U'])).toEqual({
      given: [['node', 'a=b']],
      positionals: ['R', 'U'],
    });
  });

  test('nothing is an option after --', () => {
    expect(sort(['a', '--', '--cfg', '-v', '--'])).toEqual({
      given: [],
      positionals: ['a', '--cfg', '-v', '--'],
    });
    expect(sort(['--node', 'x', '--', 'y'])).toEqual({
      given: [['node', 'x']],
      positionals: ['y'],
    });
  });
});

describe('mistakes', () => {
  test.each([
    [['--cfg'], 'argument --cfg: expected one argument'],
    [['--cfg', '--dry_run'], 'argument --cfg: expected one argument'],
    [['--cfg', '--'], 'argument --cfg: expected one argument'],
    [['--node'], 'argument --node: expected at least one argument'],
    [['--master', 'x'], 'ambiguous option: --master could match --master-url, --master_ca_file'],
    [['--dry_run=1'], "argument -n/--dry_run: ignored explicit argument '1'"],
    [['--nope', 'a', '-z'], 'unrecognized arguments: --nope -z'],
    [['-mn', '-nx'], 'unrecognized arguments: -nx'],
  ])('%j', (words, message) => {
    expect(() => sort(words)).toThrow(message);
  });
});

describe('words for another program', () => {
  test('rest: global options keep their meaning, others do not', () => {
    expect(sort(['-n', 'script', '--cfg', 'x', '-m', '--dry', '-v'], 'rest')).toEqual({
      given: [['dry_run'], ['verbose']],
      positionals: ['script', '--cfg', 'x', '-m', '--dry'],
    });
  });

  test('passthrough: known options are taken wherever they stand', () => {
    expect(sort(['-f', 'p:x', '--cfg', 'F', '-10', '--cf', '--log'], 'passthrough')).toEqual({
      given: [['cfg', 'F']],
      positionals: ['-f', 'p:x', '-10', '--cf', '--log'],
    });
  });
});
