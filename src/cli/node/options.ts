/** Options that several node commands share (spec/cli.md 5.3). */
import type { OptionSpec, PositionalSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

function path(flag: string, name: string, help: string): OptionSpec {
  return { flags: [flag], name, arity: 'value', metavar: 'PATH', help };
}

function seconds(flag: string, name: string, help: string): OptionSpec {
  return { flags: [flag], name, arity: 'value', type: 'int', metavar: 'SECONDS', help };
}

/** What `node software`, `instance`, `report` and `promise` have in common. */
export const SLAPGRID_OPTIONS: readonly OptionSpec[] = [
  CFG_OPTION,
  path('--instance-root', 'instance_root', 'folder that holds the partitions'),
  path('--software-root', 'software_root', 'folder that holds the software releases'),
  {
    flags: ['--master-url'],
    name: 'master_url',
    arity: 'value',
    metavar: 'URL',
    help: 'address of the SlapOS Master',
  },
  {
    flags: ['--computer-id'],
    name: 'computer_id',
    arity: 'value',
    metavar: 'ID',
    help: 'reference of this computer on the Master',
  },
  path('--supervisord-socket', 'supervisord_socket', 'accepted and not used'),
  path(
    '--supervisord-configuration-path',
    'supervisord_configuration_path',
    'accepted and not used',
  ),
  path('--buildout', 'buildout', 'buildout program to use'),
  path('--pidfile', 'pidfile', 'where the id of this process is written'),
  path('--key_file', 'key_file', 'private key of the computer'),
  path('--cert_file', 'cert_file', 'certificate of the computer'),
  path(
    '--signature_private_key_file',
    'signature_private_key_file',
    'key that signs what is uploaded to the binary cache',
  ),
  path('--master_ca_file', 'master_ca_file', 'authority that signed the certificate of the Master'),
  path(
    '--certificate_repository_path',
    'certificate_repository_path',
    'folder of the certificates of the partitions',
  ),
  seconds('--maximum-periodicity', 'maximum_periodicity', 'longest age of an up-to-date partition'),
  seconds('--promise-timeout', 'promise_timeout', 'time that a promise may take (20)'),
  seconds('--partition-timeout', 'partition_timeout', 'time that a partition may take'),
  { flags: ['--now'], name: 'now', arity: 'flag', help: 'start without a random delay' },
  seconds('--maximal_delay', 'maximal_delay', 'longest random delay before starting (0)'),
];

/** Comma list of partitions. */
export const ONLY_PARTITIONS_OPTION: OptionSpec = {
  flags: ['--only-cp', '--only'],
  name: 'only_cp',
  arity: 'value',
  metavar: 'LIST',
  help: 'process these partitions only (comma separated)',
};

/** `--force` and its older spelling `--all`, which may not go with the given option. */
export function forceOptions(excluded: string, help: string): readonly OptionSpec[] {
  return [
    { flags: ['--force'], name: 'force', arity: 'flag', help },
    {
      flags: ['--all'],
      name: 'force',
      arity: 'flag',
      excludes: [excluded],
      help: 'older spelling of --force',
    },
  ];
}

export const BUILDOUT_DEBUG_OPTION: OptionSpec = {
  flags: ['--buildout-debug'],
  name: 'buildout_debug',
  arity: 'flag',
  help: 'run buildout in debug mode on this terminal',
};

/** Words handed to supervisorctl. */
export const SUPERVISOR_ARGUMENTS: PositionalSpec = {
  name: 'args',
  arity: 'passthrough',
  help: 'names of services (group:process, group:*, all) and options of supervisorctl',
};

function jobs(help: string): OptionSpec {
  return {
    flags: ['-j', '--jobs'],
    name: 'jobs',
    arity: 'value',
    type: 'int',
    metavar: 'COUNT',
    help,
  };
}

/** Ours: how many partitions are worked on at a time. */
export const JOBS_OPTION = jobs('partitions to process at a time (number of cores)');

/** Ours: how many releases are worked on at a time. */
export const RELEASE_JOBS_OPTION = jobs('releases to install at a time (1)');

/** Ours: what systemd is told of a Master that is away. */
export const AWAY_OPTION: OptionSpec = {
  flags: ['--away-exits-3'],
  name: 'away_exits_3',
  arity: 'flag',
  help: 'exit with 3, as node instance does, when the Master cannot be reached (1)',
};
