/** `node format` (spec/cli.md 5.1). */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

function path(flags: readonly string[], name: string, help: string): OptionSpec {
  return { flags, name, arity: 'value', metavar: 'PATH', help };
}

/** A yes/no value in upstream's exact spelling. */
function trueOrFalse(flag: string, name: string, help: string): OptionSpec {
  return { flags: [flag], name, arity: 'value', choices: ['True', 'False'], help };
}

export const FORMAT_COMMAND: CommandSpec = {
  words: 'node format',
  group: 'node',
  summary: 'create the users, folders and network of the partitions',
  description:
    'Brings the host to what the configuration describes and tells the Master.\n' +
    'A second run changes nothing.',
  examples: [
    'slapos node format --now',
    'slapos node format --now --dry_run',
    'slapos node format --check',
  ],
  options: [
    CFG_OPTION,
    path(['-x', '--computer_xml'], 'computer_xml', 'state file of the computer'),
    path(['--computer_json'], 'computer_json', 'also write the computer as JSON'),
    path(
      ['-i', '--input_definition_file'],
      'input_definition_file',
      'read the computer from this file instead of the host',
    ),
    path(
      ['-o', '--output_definition_file'],
      'output_definition_file',
      'write the computer that was found to this file',
    ),
    trueOrFalse('--alter_user', 'alter_user', 'whether users and groups are created (True)'),
    trueOrFalse('--alter_network', 'alter_network', 'whether the network is changed (True)'),
    {
      flags: ['--now'],
      name: 'now',
      arity: 'flag',
      help: 'start without a random delay of up to one hour',
    },
    {
      flags: ['-n', '--dry_run'],
      name: 'dry_run',
      arity: 'flag',
      help: 'print the steps and change nothing',
    },
    {
      flags: ['--check'],
      name: 'check',
      arity: 'flag',
      help: 'print the steps, change nothing, ask no Master; exit 6 when there are any',
    },
    {
      flags: ['--release-partitions'],
      name: 'release_partitions',
      arity: 'flag',
      help: 'delete partitions beyond partition_amount that hold no data',
    },
    {
      flags: ['--install-udev-rule'],
      name: 'install_udev_rule',
      arity: 'flag',
      help: 'keep udev from running programs for each tap: one line in /etc/udev/rules.d',
    },
    {
      flags: ['--format'],
      name: 'format',
      arity: 'value',
      choices: ['text', 'json'],
      default: 'text',
      help: 'how --dry_run and --check print the steps (text)',
    },
    {
      flags: ['-c', '--console'],
      name: 'console',
      arity: 'value',
      isHidden: true,
      help: 'accepted and not used',
    },
  ],
  configFamily: 'node',
  rootCheck: 'strict',
  ownSection: 'slapformat',
  load: () => import('./format.ts'),
};
