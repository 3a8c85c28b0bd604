/** `console` (spec/cli.md 6.6). */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

const SHELLS = [
  { flags: ['-i', '--ipython'], name: 'ipython' },
  { flags: ['-b', '--bpython'], name: 'bpython' },
  { flags: ['-p', '--python'], name: 'python' },
];

/** Options that chose a Python shell upstream; each excludes the others. */
function shellOptions(): readonly OptionSpec[] {
  return SHELLS.map(({ flags, name }) => ({
    flags,
    name,
    arity: 'flag',
    excludes: SHELLS.filter((other) => other.name !== name).map((other) => `--${other.name}`),
    excludesPositionals: true,
    help: `upstream's ${name} shell: the JavaScript console is opened instead`,
  }));
}

export const CONSOLE_COMMAND: CommandSpec = {
  words: 'console',
  load: () => import('./console.ts'),
  group: 'client',
  summary: 'open a console on the SLAP library, or run a script with it',
  examples: [
    'slapos console',
    'slapos console SCRIPT.mjs ARGUMENT',
    'slapos console SCRIPT.py    (run by an installed slapos.core)',
  ],
  positionals: [
    {
      name: 'script_file_and_arguments',
      arity: 'rest',
      help: 'script to run instead of a console, and its arguments; - is standard input',
    },
  ],
  options: [
    CFG_OPTION,
    {
      flags: ['-u', '--master_url'],
      name: 'master_url',
      arity: 'value',
      metavar: 'URL',
      help: 'address of the SlapOS Master',
    },
    {
      flags: ['-k', '--key_file'],
      name: 'key_file',
      arity: 'value',
      metavar: 'PATH',
      help: 'private key of the user',
    },
    {
      flags: ['-c', '--cert_file'],
      name: 'cert_file',
      arity: 'value',
      metavar: 'PATH',
      help: 'certificate of the user',
    },
    ...shellOptions(),
  ],
  configFamily: 'client',
  rootCheck: 'never',
};
