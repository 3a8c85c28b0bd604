import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { COMMANDS } from '../../../src/cli/registry.ts';

function run(...words: string[]) {
  const { action } = parseCommandLine(words);
  if (action.kind !== 'run') throw new Error(`expected a run, got ${action.kind}`);
  return action;
}

function options(...words: string[]) {
  return run(...words).options;
}

describe('the command', () => {
  test.each([
    [['node', 'format'], 'node format'],
    [['node format'], 'node format'],
    [['node', '-v', 'format'], 'node format'],
    [['--logfile', 'F', 'node', 'format'], 'node format'],
    [['node'], 'node status'],
    [['-v', 'node'], 'node status'],
    [['info', 'x'], 'service info'],
    [['list'], 'service list'],
    [['cache', 'lookup', 'x'], 'cachelookup binary-sr'],
    [['cache', 'source', 'x'], 'cachelookup url'],
  ])('%j', (words, expected) => {
    expect(run(...words).command.words).toBe(expected);
  });

  test.each([
    [['foo'], "slapos: the command 'foo' does not exist."],
    [['node', 'foo', 'bar'], "slapos: the command 'node foo bar' does not exist."],
    [['nod', 'format'], "slapos: the command 'nod format' does not exist."],
    [['--cfg', 'x', 'node', 'bang'], "slapos: invalid option '--cfg'"],
    [['node', '--cfg', 'X'], "slapos: invalid option '--cfg'"],
    [['help', 'nope'], "slapos: the command 'nope' does not exist."],
  ])('%j is unknown', (words, message) => {
    expect(() => parseCommandLine(words)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        exitCode: 5,
        code: 'SLAPOS_ERR_UNKNOWN_COMMAND',
      }),
    );
  });
});

describe('help and version', () => {
  test.each([
    [[], 'global-help'],
    [['-h'], 'global-help'],
    [['-v'], 'global-help'],
    [['foo', '-h'], 'global-help'],
    [['--version'], 'version'],
    [['node', 'format', '--version'], 'version'],
    [['--vers'], 'version'],
    [['help'], 'command-list'],
    [['node', 'format', '-h'], 'command-help'],
    [['node', 'bang', '--cfg', '--help'], 'command-help'],
    [['-h', 'node', 'bang'], 'command-help'],
    [['node', 'bang', '--hel'], 'command-help'],
    [['help', 'node'], 'command-help'],
    [['help', 'service', 'info'], 'command-help'],
  ])('%j shows %s', (words, kind) => {
    expect(parseCommandLine(words).action.kind).toBe(kind);
  });
});

describe('global options', () => {
  const settings = (...words: string[]) => parseCommandLine(words).settings;

  test('are recognised anywhere on the line', () => {
    expect(settings('node', 'software', '--verbose', '--logfile=F')).toMatchObject({
      verbosity: 2,
      logFile: 'F',
    });
    expect(settings('-vv', 'node', '-v', 'software', '-v').verbosity).toBe(5);
    expect(settings('-q', 'node', 'software').verbosity).toBe(0);
    expect(settings('node', 'status', 'p:', '--debug').isDebug).toBe(true);
    expect(settings('console', 'script.py', '-v', '--cfg').verbosity).toBe(2);
  });

  test('old spellings do no harm', () => {
    expect(settings('--log-color', '--log-time', 'node', 'bang')).toMatchObject({
      logColor: 'auto',
      hasLogTime: true,
    });
  });

  test('new ones', () => {
    expect(
      settings('--log-color=never', '--no-log-time', '--log-format', 'json', 'node', 'bang'),
    ).toMatchObject({ logColor: 'never', hasLogTime: false, logFormat: 'json' });
    expect(() => settings('--log-format', 'xml', 'node', 'bang')).toThrow('invalid choice');
  });

  test('-q and -v exclude each other', () => {
    expect(() => settings('-q', 'node', 'bang', '-v')).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining('not allowed') }),
    );
  });
});

describe('options of commands', () => {
  test('have the types and defaults of the registry', () => {
    expect(options('node', 'register', 'n')).toMatchObject({
      interface_name: 'lo',
      partition_number: 10,
      master_url: 'https://slap.vifib.com',
    });
    expect(options('node', 'register', 'n', '--partition-number=3')).toMatchObject({
      partition_number: 3,
    });
    expect(options('node', 'software')['promise_timeout']).toBeUndefined();
    expect(options('node', 'software', '--promise-timeout', '7')['promise_timeout']).toBe(7);
    expect(options('node', 'boot')['message']).toBe('Reboot');
    expect(options('node', 'bang')['message']).toBeUndefined();
    expect(options('node', 'format', '--alter_user=True')['alter_user']).toBe('True');
  });

  test('--all is --force, and excludes the filter', () => {
    expect(options('node', 'software', '--all')['force']).toBe(true);
    expect(options('node', 'software', '--force', '--only-sr', 'X')).toMatchObject({
      force: true,
      only_sr: 'X',
    });
    expect(options('node', 'instance', '--only', 'a,b')['only_cp']).toBe('a,b');
  });

  test('a repeated option counts once, a list is replaced, a gathering one gathers', () => {
    expect(options('node', 'bang', '-m', 'a', '-m', 'b')['message']).toBe('b');
    expect(options('request', 'R', 'U', '--node', 'a=1', 'b=2', '--node', 'c=3')['node']).toEqual([
      'c=3',
    ]);
    expect(
      options('node', 'prune', '--additional-software-directory', 'a', '--additional=b')[
        'additional_software_directory'
      ],
    ).toEqual(['a', 'b']);
    expect(options('request', 'R', 'U', '--configuration', 'a=1')['parameters']).toEqual(['a=1']);
  });

  test('positionals', () => {
    expect(run('request', '--node=computer_guid=C', 'NAME', 'URL')).toMatchObject({
      positionals: ['NAME', 'URL'],
      options: { node: ['computer_guid=C'] },
    });
    expect(run('request', 'NAME', 'os').positionals).toEqual(['NAME', 'os']);
    expect(run('node', 'tail', '-f', 'p:x', '--cfg', 'F')).toMatchObject({
      positionals: ['-f', 'p:x'],
      options: { cfg: 'F' },
    });
    expect(run('node', 'supervisorctl', 'tail', '-10', 'p:x').positionals).toEqual([
      'tail',
      '-10',
      'p:x',
    ]);
    expect(run('console', 's.py', '--cfg', 'x').positionals).toEqual(['s.py', '--cfg', 'x']);
    expect(run('node', 'bang', '--').positionals).toEqual([]);
  });

  test.each([
    [['node', 'bang', '--cfg'], 'expected one argument'],
    [['node', 'bang', 'x'], 'too many arguments'],
    [['node', 'software', '--only-sr', 'a', '--all'], 'cannot be used with'],
    [['request', '--node', 'computer_guid=C', 'NAME', 'URL'], 'missing required argument'],
    [['request', 'R', 'U', '--parameters', 'a=b', '--parameters-file', '/etc/hostname'], 'cannot'],
    [['request', 'R', 'U', '--parameters-file', '/nowhere/x.json'], 'ENOENT'],
    [['node', 'software', '--master', 'x'], 'ambiguous option'],
    [['node', 'register', 'n', '--partition-number', 'many'], 'It must be an integer'],
    [['node', 'format', '--alter_user', 'true'], 'Allowed choices are True, False'],
    [['complete', '--shell', 'zsh'], 'Allowed choices are bash, fish, none'],
    [['console', '-p', 'script'], 'not allowed with argument -p/--python'],
    [['console', '-p', '-i'], 'cannot be used with'],
    [['node', 'format', '--nope'], 'unrecognized arguments: --nope'],
  ])('%j is a usage error', (words, message) => {
    expect(() => parseCommandLine(words)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });
});

describe('the registry', () => {
  /** Those that upstream does not have, sorted. */
  const OURS = [
    'config show',
    'node certificate renew',
    'node certificate show',
    'node doctor',
    'node top',
    'proxy backup',
    'proxy migrate',
    'proxy restore',
  ];

  test('has the 35 commands of upstream, and ours', () => {
    const names = COMMANDS.map((command) => command.words);
    expect(names.filter((name) => OURS.includes(name))).toEqual(OURS);
    expect(names.filter((name) => !OURS.includes(name))).toHaveLength(35);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(COMMANDS.map((command) => [command.words, command] as const))(
    '%s is complete',
    (words, command) => {
      expect(command.summary).toMatch(/^[a-z]/);
      expect(command.summary).not.toMatch(/\.$/);
      const flags = command.options.flatMap((option) => option.flags);
      expect(new Set(flags).size).toBe(flags.length);
      expect(flags.includes('--cfg')).toBe(words !== 'complete' && words !== 'help');
      for (const option of command.options) {
        expect(option.flags.length).toBeLessThanOrEqual(2);
        for (const excluded of option.excludes ?? []) expect(flags).toContain(excluded);
      }
    },
  );
});
