/** `slapos node prune`: delete the shared parts that no software uses. */
import { realpath } from 'node:fs/promises';
import { mergeGridSettings } from '../../config/grid-settings.ts';
import { ConfigError, errorCode } from '../../errors/slapos-error.ts';
import { createBeneathFiles } from '../../host/file.ts';
import { refusal } from '../../host/folder/beneath-refusal.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { sharedRootOf } from '../../prune/plan.ts';
import { type PruneHost, runPrune } from '../../prune/run-prune.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { withPidfile } from '../pidfile.ts';

/** Exit 0; 255 without shared parts or while software is built; 10 as every pid file says. */
export async function run(context: CommandContext): Promise<number> {
  const { config, log, options } = context;
  const settings = mergeGridSettings(config, {});
  const sharedRoot = sharedRootOf(settings.text('shared_part_list'));
  // Section [networkcache] wins over [slapos], where the key was seen before.
  if (sharedRoot === undefined) {
    log.error('No shared_part_list options in slapos config');
    return EXIT.pruneRefused;
  }
  const host = createPruneHost();
  const isDryRun = options['dry_run'] === true;
  const pidfile = settings.text('pidfile_software');
  // Even a stale one: a build that died may have left parts that no software names yet.
  if (pidfile && !isDryRun && (await host.stat(pidfile)) !== undefined) {
    log.error('Cannot prune while software is running', { path: pidfile });
    return EXIT.pruneRefused;
  }
  const additionalSoftware = (options['additional_software_directory'] ?? []) as readonly string[];
  const folders = {
    sharedRoot,
    softwareRoot: await existing(host, settings.text('software_root'), 'software_root'),
    instanceRoot: await existing(host, settings.text('instance_root'), 'instance_root'),
    additionalSoftware,
  };
  const work = () => runPrune({ ...folders, host, log, signal: context.signal, isDryRun });
  const isDone = await (pidfile ? withPidfile(pidfile, log, work) : work());
  return isDone ? EXIT.ok : EXIT.failure;
}

function createPruneHost(): PruneHost {
  return {
    beneath: createBeneathFiles(),
    stat: (path) => createHostFiles().statTarget(path),
    realpath: (path) => realpath(path).catch((error) => noneOrRefusal(path, error)),
  };
}

/** What cannot be looked at is not missing: parts that it uses would be deleted. */
function noneOrRefusal(path: string, error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error))) return undefined;
  throw refusal(path, error);
}

/** Without these folders every shared part would look unused. */
async function existing(host: PruneHost, path: string | undefined, key: string): Promise<string> {
  if (path !== undefined && (await host.realpath(path)) !== undefined) return path;
  const isNamed = path !== undefined && path !== '';
  throw new ConfigError(
    isNamed ? 'SLAPOS_ERR_CONFIG_FILE' : 'SLAPOS_ERR_CONFIG_KEY_MISSING',
    isNamed ? `Directory '${path}' (${key}) does not exist.` : `No option '${key}' in [slapos].`,
    { hint: 'Nothing was deleted: without it every part would look unused.', context: { key } },
  );
}
