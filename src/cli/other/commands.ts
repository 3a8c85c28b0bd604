/** `complete`, `config show`, `configure local` and `help` (spec/cli.md 7, 8). */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

function path(flag: string, name: string, preset: string, help: string): OptionSpec {
  return {
    flags: [flag],
    name,
    arity: 'value',
    metavar: 'PATH',
    default: preset,
    help: `${help} (${preset})`,
  };
}

const CONFIGURE_LOCAL: CommandSpec = {
  words: 'configure local',
  load: () => import('../node/configure-local.ts'),
  group: 'other',
  summary: 'make this machine a node of its own, with a local Master',
  examples: ['slapos configure local --interface-name br0 --partition-number 10'],
  options: [
    CFG_OPTION,
    {
      flags: ['--interface-name'],
      name: 'interface_name',
      arity: 'value',
      metavar: 'NAME',
      default: 'lo',
      help: 'network interface to use (lo)',
    },
    {
      flags: ['--partition-number'],
      name: 'partition_number',
      arity: 'value',
      type: 'int',
      metavar: 'COUNT',
      default: 20,
      help: 'number of partitions (20)',
    },
    {
      flags: ['--ipv4-local-network'],
      name: 'ipv4_local_network',
      arity: 'value',
      metavar: 'NETWORK',
      default: '10.0.0.0/16',
      help: 'IPv4 pool of the partitions (10.0.0.0/16)',
    },
    {
      flags: ['--daemon-listen-ip'],
      name: 'daemon_listen_ip',
      arity: 'value',
      metavar: 'ADDRESS',
      default: '127.0.0.1',
      help: 'address of the local Master (127.0.0.1)',
    },
    {
      flags: ['--daemon-listen-port'],
      name: 'daemon_listen_port',
      arity: 'value',
      type: 'int',
      metavar: 'PORT',
      default: 8080,
      help: 'port of the local Master (8080)',
    },
    path('--slapos-instance-root', 'slapos_instance_root', '/srv/slapgrid', 'partitions'),
    path('--slapos-software-root', 'slapos_software_root', '/opt/slapgrid', 'software releases'),
    path(
      '--slapos-buildout-directory',
      'slapos_buildout_directory',
      '/opt/slapos',
      'home of SlapOS itself',
    ),
    path(
      '--slapos-configuration-directory',
      'slapos_configuration_directory',
      '/etc/opt/slapos',
      'configuration folder',
    ),
    {
      flags: ['--enable-shacache-proxy'],
      name: 'enable_shacache_proxy',
      arity: 'flag',
      help: 'have the local Master keep what it downloads from the cache',
    },
  ],
  configFamily: 'node',
  isConfigOptional: true,
  rootCheck: 'always',
};

export const OTHER_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'complete',
    load: () => import('./complete.ts'),
    group: 'other',
    summary: 'print a completion script for a shell',
    examples: ['slapos complete > /etc/bash_completion.d/slapos'],
    options: [
      {
        flags: ['--name'],
        name: 'name',
        arity: 'value',
        metavar: 'COMMAND',
        default: 'slapos',
        help: 'name of the command to complete (slapos)',
      },
      {
        flags: ['--shell'],
        name: 'shell',
        arity: 'value',
        choices: ['bash', 'fish', 'none'],
        default: 'bash',
        help: 'shell that will read the script (bash)',
      },
    ],
    configFamily: 'none',
    rootCheck: 'never',
  },
  {
    words: 'config show',
    load: () => import('./config-show.ts'),
    group: 'other',
    summary: 'show the configuration in effect and where each value comes from',
    examples: ['slapos config show', 'slapos config show --raw --json'],
    options: [
      CFG_OPTION,
      { flags: ['--json'], name: 'json', arity: 'flag', help: 'print JSON' },
      {
        flags: ['--raw'],
        name: 'raw',
        arity: 'flag',
        help: 'print what the file says, without the defaults of SlapOS',
      },
    ],
    configFamily: 'node',
    rootCheck: 'never',
  },
  CONFIGURE_LOCAL,
  {
    words: 'help',
    group: 'other',
    summary: 'show the commands, or the help of one command',
    examples: ['slapos help node format'],
    positionals: [{ name: 'command', arity: 'rest', help: 'words of a command' }],
    options: [],
    configFamily: 'none',
    rootCheck: 'never',
  },
];
