/**
 * Handler of `slapos node supervisord`, `supervisorctl`, `status`, `start`, `stop`, `restart` and
 * `tail` (spec/cli.md 5.7 and 5.8).
 */
import { resolve } from 'node:path';
import { readServiceSettings } from '../../config/service-settings.ts';
import { readBoolean, requireValue } from '../../config/values.ts';
import { ConfigError, SlaposError } from '../../errors/slapos-error.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { parseMasterTrust } from '../../slap/client-options.ts';
import { runSupervisorctl } from '../../supervisor/ctl/main.ts';
import { takeOptions } from '../../supervisor/ctl/status-action.ts';
import {
  ensureSupervisor,
  findForeignSupervisor,
  writeSupervisorFiles,
} from '../../supervisor/launch.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import { upgradeSupervisor } from '../../supervisor/upgrade.ts';
import type { CommandContext } from '../command.ts';
import { CommandLineError } from '../command-line-error.ts';

function instanceRootOf({ config, cwd }: CommandContext): string {
  return resolve(cwd, requireValue(config, 'slapos', 'instance_root'));
}

async function runUpgrade(
  { command, log, options }: CommandContext,
  instanceRoot: string,
): Promise<number> {
  if (options['nodaemon'] === true) {
    throw new CommandLineError(
      'argument --upgrade: not allowed with argument -n/--nodaemon',
      command,
    );
  }
  const files = createHostFiles();
  const { before, after } = await upgradeSupervisor({ files, instanceRoot, log });
  const pid = after.keeper_pid;
  log.info(`The supervisor (pid ${pid}) was version ${before.keeper} and is ${after.keeper} now.`, {
    event: 'supervisor.upgraded',
  });
  return 0;
}

async function runSupervisord(context: CommandContext): Promise<number> {
  const { config, log, signal, options } = context;
  const files = createHostFiles();
  const instanceRoot = instanceRootOf(context);
  if ((await files.stat(instanceRoot))?.kind !== 'directory') {
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', `${instanceRoot} does not exist.`, {
      context: { path: instanceRoot },
    });
  }
  if (options['upgrade'] === true) return runUpgrade(context, instanceRoot);
  const repository = config.get('slapos', 'certificate_repository_path');
  const { caFile, isTlsVerified } = parseMasterTrust(config, context.env);
  await writeSupervisorFiles({
    files,
    instanceRoot,
    masterUrl: requireValue(config, 'slapos', 'master_url'),
    computerId: requireValue(config, 'slapos', 'computer_id'),
    services: readServiceSettings(config),
    ...(repository === undefined ? {} : { certificateRepositoryPath: repository }),
    ...(caFile === undefined ? {} : { masterCaFile: resolve(context.cwd, caFile) }),
    isMasterVerified: isTlsVerified,
  });
  const isForeground = options['nodaemon'] === true;
  const socket = await ensureSupervisor({ files, instanceRoot, log, signal, isForeground });
  const foreignPid = isForeground ? undefined : await findForeignSupervisor(socket);
  if (foreignPid === undefined) return 0;
  log.warning(
    `Another supervisord (process ${foreignPid}) runs the services of this node and goes on doing ` +
      'so. To let slapos take its place, which stops them once: ' +
      '`slapos node supervisorctl shutdown`, then `slapos node supervisord`.',
    { event: 'supervisor.foreign' },
  );
  return 0;
}

/** The configuration must have been written before; the daemon is started unless forbidden. */
async function prepare(context: CommandContext, instanceRoot: string): Promise<string> {
  const { config, log, signal } = context;
  const files = createHostFiles();
  const { configuration } = supervisorPaths(instanceRoot);
  if ((await files.stat(configuration)) === undefined) {
    throw new SlaposError(
      'SLAPOS_ERR_SUPERVISOR_CONFIG',
      `The supervisor has no configuration: ${configuration} does not exist.`,
      { hint: 'Run `slapos node supervisord` or `slapos node instance` first.' },
    );
  }
  const key = 'forbid_supervisord_automatic_launch';
  if (!readBoolean(config, 'slapos', key, false, 'permissive')) {
    await ensureSupervisor({ files, instanceRoot, log, signal });
  }
  return configuration;
}

/** The abort of Ctrl-C ends a followed log, not the shell. */
async function runControl(context: CommandContext, verb: string): Promise<number> {
  const configuration = await prepare(context, instanceRootOf(context));
  // `-v` is an option of every command: of this one it asks for more, too.
  const more = verb === 'status' && context.verbosity > 1 ? ['--why'] : [];
  const words = verb === 'supervisorctl' ? [] : [verb, ...more];
  return runSupervisorctl(['-c', configuration, ...words, ...context.positionals], {
    write: (text) => context.output.write(text),
    writeError: (text) => void process.stderr.write(text),
    signal: context.signal,
    env: context.env,
    cwd: context.cwd,
    input: process.stdin,
    output: process.stdout,
    isTerminal: process.stdin.isTTY === true && context.output.isTerminal,
  });
}

export async function run(context: CommandContext): Promise<number> {
  const verb = context.command.words.replace(/^node /, '');
  const { isJson, names } = takeOptions(context.positionals);
  if (verb === 'status' && isJson) {
    const { showStatusJson } = await import('./status-json.ts');
    return showStatusJson(context, names);
  }
  return verb === 'supervisord' ? runSupervisord(context) : runControl(context, verb);
}
