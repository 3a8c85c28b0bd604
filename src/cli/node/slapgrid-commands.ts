/** `node software`, `instance`, `promise`, `report` and `prune` (spec/cli.md 5.3, 5.4, 5.7). */
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../errors/slapos-error.ts';
import type { CommandSpec } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { CFG_OPTION } from '../shared-options.ts';
import {
  AWAY_OPTION,
  BUILDOUT_DEBUG_OPTION,
  forceOptions,
  JOBS_OPTION,
  ONLY_PARTITIONS_OPTION,
  RELEASE_JOBS_OPTION,
  SLAPGRID_OPTIONS,
} from './options.ts';

function refuseWithoutSharedParts(config: Config): ConfigError | undefined {
  if (config.get('slapos', 'shared_part_list')?.trim()) return undefined;
  return new ConfigError(
    'SLAPOS_ERR_CONFIG_KEY_MISSING',
    'No shared_part_list options in slapos config',
    { exitCode: EXIT.pruneRefused, context: { section: 'slapos', key: 'shared_part_list' } },
  );
}

export const SLAPGRID_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'node instance',
    group: 'node',
    summary: 'bring the partitions to the state that the Master asks for',
    examples: ['slapos node instance --now', 'slapos node instance --only slappart0,slappart1'],
    options: [
      ...SLAPGRID_OPTIONS,
      ONLY_PARTITIONS_OPTION,
      JOBS_OPTION,
      ...forceOptions('--only-cp', 'process partitions that are up to date too'),
      BUILDOUT_DEBUG_OPTION,
      {
        flags: ['--force-stop'],
        name: 'force_stop',
        arity: 'flag',
        help: 'stop the services, also of started instances',
      },
    ],
    configFamily: 'node',
    rootCheck: 'strict',
    load: () => import('./instance.ts'),
  },
  {
    words: 'node promise',
    group: 'node',
    summary: 'check the promises of the partitions',
    options: [...SLAPGRID_OPTIONS, ONLY_PARTITIONS_OPTION, JOBS_OPTION],
    configFamily: 'node',
    rootCheck: 'strict',
    load: () => import('./promise.ts'),
  },
  {
    words: 'node prune',
    group: 'node',
    summary: 'delete shared parts that no software uses',
    options: [
      CFG_OPTION,
      {
        flags: ['--dry-run'],
        name: 'dry_run',
        arity: 'flag',
        help: 'say what would be deleted and delete nothing',
      },
      {
        flags: ['--additional-software-directory'],
        name: 'additional_software_directory',
        arity: 'value',
        metavar: 'DIR',
        isRepeatable: true,
        help: 'another folder of software releases that use shared parts',
      },
    ],
    configFamily: 'node',
    rootCheck: 'strict',
    findRefusal: refuseWithoutSharedParts,
    load: () => import('./prune.ts'),
  },
  {
    words: 'node report',
    group: 'node',
    summary: 'report what was consumed and destroy what the Master no longer wants',
    options: [...SLAPGRID_OPTIONS, JOBS_OPTION, AWAY_OPTION],
    configFamily: 'node',
    rootCheck: 'strict',
    load: () => import('./report.ts'),
  },
  {
    words: 'node software',
    group: 'node',
    summary: 'install and remove software releases',
    examples: ['slapos node software --now', 'slapos node software --force --only-sr URL'],
    options: [
      ...SLAPGRID_OPTIONS,
      {
        flags: ['--only-sr', '--only'],
        name: 'only_sr',
        arity: 'value',
        metavar: 'LIST',
        help: 'process these releases only (comma separated URLs or MD5 sums)',
      },
      RELEASE_JOBS_OPTION,
      ...forceOptions('--only-sr', 'build releases that are complete too'),
      BUILDOUT_DEBUG_OPTION,
      {
        flags: ['--garbage-collect'],
        name: 'garbage_collect',
        arity: 'flag',
        excludes: ['--only-sr'],
        help: 'remove the folders of releases that are no longer supplied',
      },
      AWAY_OPTION,
    ],
    configFamily: 'node',
    rootCheck: 'strict',
    load: () => import('./software.ts'),
  },
];
