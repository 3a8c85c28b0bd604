/** The commands of the proxy: `start` and `show` of spec/cli.md 8, `backup` and `restore` of ours. */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

const DATABASE_OPTION: OptionSpec = {
  flags: ['-u', '--database-uri'],
  name: 'database_uri',
  arity: 'value',
  metavar: 'PATH',
  help: 'database file of the proxy, or postgres:// address',
};

const SHOWN: readonly (readonly [string, string])[] = [
  ['computers', 'computers'],
  ['software', 'software releases'],
  ['partitions', 'partitions that are in use'],
  ['slaves', 'shared instances'],
  ['params', 'parameters of the partitions'],
  ['network', 'addresses of the partitions'],
  ['status', 'last reports of nodes'],
];

export const PROXY_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'proxy backup',
    group: 'other',
    load: () => import('./backup.ts'),
    summary: 'copy the database of the local Master, also while it runs',
    positionals: [{ name: 'backup', arity: 'one', help: 'file to write; it must not exist' }],
    examples: ['slapos proxy backup /var/backups/slapproxy.db'],
    options: [CFG_OPTION, DATABASE_OPTION],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'proxy migrate',
    group: 'other',
    load: () => import('./migrate.ts'),
    isSignalHeeded: true,
    summary: 'move the local Master to or from a PostgreSQL server',
    description:
      'Copies everything in one transaction, reads it back and compares it; the source stays as it is. No proxy may run on either of the two.',
    examples: [
      'slapos proxy migrate --to postgres://slapos@db.example.com/slapos',
      'slapos proxy migrate --from postgres://slapos@db.example.com/slapos --to /srv/slapgrid/slapproxy.db',
    ],
    options: [
      CFG_OPTION,
      {
        flags: ['--to'],
        name: 'to',
        arity: 'value',
        metavar: 'URI',
        help: 'file or postgres:// address that gets the content',
      },
      {
        flags: ['--from'],
        name: 'from',
        arity: 'value',
        metavar: 'URI',
        help: 'file or postgres:// address to read (database_uri)',
      },
      {
        flags: ['--force'],
        name: 'force',
        arity: 'flag',
        help: 'replace what the target holds; it is kept as SQL text',
      },
      {
        flags: ['-n', '--dry-run'],
        name: 'dry_run',
        arity: 'flag',
        help: 'only look at both, and tell what does not fit',
      },
    ],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'proxy restore',
    group: 'other',
    load: () => import('./restore.ts'),
    isSignalHeeded: true,
    summary: 'give the local Master the content of a backup',
    description:
      'The proxy must not run. The former content is kept as SQL text beside the database. An old version is converted.',
    positionals: [
      {
        name: 'backup',
        arity: 'one',
        help: 'file of "proxy backup", database of slapproxy, or its SQL text',
      },
    ],
    examples: ['slapos proxy restore /var/backups/slapproxy.db'],
    options: [CFG_OPTION, DATABASE_OPTION],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'proxy show',
    group: 'other',
    load: () => import('./show.ts'),
    summary: 'show what the local Master knows',
    examples: ['slapos proxy show', 'slapos proxy show --partitions --params'],
    options: [
      CFG_OPTION,
      DATABASE_OPTION,
      ...SHOWN.map(
        ([name, what]): OptionSpec => ({
          flags: [`--${name}`],
          name,
          arity: 'flag',
          help: `show the ${what}`,
        }),
      ),
    ],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'proxy start',
    group: 'other',
    load: () => import('./start.ts'),
    summary: 'run a minimalist Master for this machine',
    options: [
      CFG_OPTION,
      DATABASE_OPTION,
      {
        flags: ['--port'],
        name: 'port',
        arity: 'value',
        type: 'int',
        metavar: 'PORT',
        help: 'port to listen on (5000)',
      },
      {
        flags: ['--host'],
        name: 'host',
        arity: 'value',
        metavar: 'ADDRESS',
        help: 'address to listen on (127.0.0.1)',
      },
      {
        flags: ['--local-software-release-root'],
        name: 'local_software_release_root',
        arity: 'value',
        metavar: 'PATH',
        help: 'folder that relative software URLs start from',
      },
    ],
    configFamily: 'node',
    isServer: true,
    rootCheck: 'never',
  },
];
