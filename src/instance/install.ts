/** Installs an instance in its partition with the buildout of its software (spec/grid.md 7.3). */
import { join } from 'node:path';
import { BuildError, SlaposError } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { checkFreeSpace } from '../grid/free-space.ts';
import { logLines } from '../grid/output-log.ts';
import { partitionNoteFile } from '../host/grid-host.ts';
import {
  type BuildoutRun,
  bootstrapBuildout,
  forgetBrokenInstallation,
  readShebang,
  runBuildout,
  type ScriptPlace,
} from '../software/run-buildout.ts';
import { certificatePaths } from './certificates.ts';
import { type Partition, plainNumber } from './partition.ts';
import { renderInstanceProfile } from './profile.ts';
import { renderRetentionDelay } from './retention.ts';

const PARTITION_MODE = 0o750;
const RETENTION_DELAY = '.slapos-retention-lock-delay';

/**
 * @throws SlaposError when the partition or its software is not fit, BuildError when buildout fails.
 */
export async function installInstance(context: GridContext, partition: Partition): Promise<void> {
  const { folder } = partition;
  const { host, options } = context;
  await checkFreeSpace(host, folder.path, options.instanceMinFreeBytes, 'instance_min_free_space');
  const software = requireSoftware(partition);
  await folder.setLink('software_release', software, host.isRoot ? partition.owner : undefined);
  await checkMode(partition);
  const template = await readTemplate(context, partition, software);
  await writeProfile(context, partition, template);
  await forgetBrokenInstallation(folder, partition.log);
  await runInstanceBuildout(context, partition, software);
  await writeRetentionDelay(partition);
}

function requireSoftware(partition: Partition): string {
  const { softwareReleaseUrl } = partition.wish;
  if (partition.softwarePath !== undefined && isOneLine(softwareReleaseUrl ?? '')) {
    return partition.softwarePath;
  }
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Partition ${partition.id} has no software release that can be used: ${JSON.stringify(softwareReleaseUrl)}.`,
  );
}

function isOneLine(text: string): boolean {
  return ![...text].some((character) => character < ' ');
}

async function checkMode({ folder }: Partition): Promise<void> {
  const status = await folder.stat('');
  if (status?.mode === PARTITION_MODE) return;
  const octal = (mode: number) => mode.toString(8).padStart(4, '0');
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Wrong permissions in ${folder.path}: actual permissions are: ${octal(status?.mode ?? 0)}, wanted are ${octal(PARTITION_MODE)}`,
    { hint: `Run chmod 0750 ${folder.path}.` },
  );
}

/** The template belongs to the software's user: it is read without following links. */
async function readTemplate(
  context: GridContext,
  { wish }: Partition,
  software: string,
): Promise<string> {
  const url = wish.softwareReleaseUrl;
  if ((await context.host.stat(software)) === undefined) {
    throw new SlaposError(
      'SLAPOS_ERR_PARTITION',
      `Software Release ${url} is not present on system.\nCannot deploy instance.`,
    );
  }
  const folder = context.host.openFolder(software);
  const template =
    (await folder.readText('instance.cfg')) ?? (await folder.readText('template.cfg'));
  if (template !== undefined) return template;
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Software Release ${url} is not correctly installed.\nMissing file: ${software}/instance.cfg`,
  );
}

async function writeProfile(
  context: GridContext,
  { folder, id, owner, wish }: Partition,
  template: string,
): Promise<void> {
  const { options } = context;
  const text = renderInstanceProfile(template, {
    computerId: options.computerId,
    partitionId: id,
    masterUrl: options.masterUrl,
    softwareReleaseUrl: wish.softwareReleaseUrl ?? '',
    ...certificatePaths(options.certificateRepository, id),
    sharedPartList: options.sharedPartList,
    buildTimePartList: options.buildTimePartList,
    requestedState: wish.requestedState,
    storageHome: options.instanceStorageHome,
    ipv4GlobalNetwork: options.ipv4GlobalNetwork,
  });
  const { gid, mode } = { gid: owner.gid, mode: 0o640 };
  await folder.write('buildout.cfg', text, context.host.isRoot ? { mode, uid: 0, gid } : { mode });
}

async function runInstanceBuildout(
  context: GridContext,
  partition: Partition,
  software: string,
): Promise<void> {
  const { instanceRoot, partitionTimeoutSeconds } = context.options;
  const run: BuildoutRun = {
    folder: partition.folder.path,
    owner: partition.owner,
    log: partition.log,
    instanceRoot,
    noteFile: partitionNoteFile(instanceRoot, partition.id),
    ...(partitionTimeoutSeconds === undefined ? {} : { timeoutMs: partitionTimeoutSeconds * 1000 }),
  };
  const script = await chooseBuildout(context, run, software);
  await runBuildout(context, run, script, []);
}

/** The software's own buildout, or what its bootstrap script makes in the partition. */
async function chooseBuildout(
  context: GridContext,
  run: BuildoutRun,
  software: string,
): Promise<ScriptPlace> {
  const names = await context.host.openFolder(software).list('bin');
  const candidates = names.filter((name) => name.startsWith('bootstrap'));
  if (candidates.length > 1) {
    throw new BuildError('SLAPOS_ERR_BUILD', 'More than one bootstrap candidate found.');
  }
  const own: ScriptPlace = { root: run.folder, path: 'sbin/buildout' };
  const [bootstrap] = candidates;
  if (bootstrap !== undefined)
    await runBootstrapScript(context, run, { root: software, path: `bin/${bootstrap}` });
  const script = bootstrap === undefined ? { root: software, path: 'bin/buildout' } : own;
  if ((await context.host.openFolder(script.root).stat(script.path)) !== undefined) return script;
  await bootstrapBuildout(context, run, [`buildout:bin-directory=${run.folder}/sbin`]);
  return own;
}

async function runBootstrapScript(
  context: GridContext,
  run: BuildoutRun,
  script: ScriptPlace,
): Promise<void> {
  const outcome = await context.host.run({
    argv: [...(await readShebang(context, script)), join(script.root, script.path)],
    cwd: run.folder,
    env: childEnvironment(context.env, {
      home: run.owner.home,
      instanceRoot: context.options.instanceRoot,
    }),
    user: run.owner,
    umask: 0o022,
    ...(run.noteFile === undefined ? {} : { noteFile: run.noteFile }),
    onLine: logLines(run.log),
    signal: context.signal,
  });
  if (outcome.status === 0) return;
  const text = `Failed to bootstrap buildout in '${run.folder}'.:\n${outcome.output}\n`;
  throw new BuildError('SLAPOS_ERR_BUILD', text);
}

async function writeRetentionDelay(partition: Partition): Promise<void> {
  if ((await partition.folder.stat(RETENTION_DELAY)) !== undefined) return;
  const value = plainNumber(partition.wish.filter['retention_delay']);
  const { isIgnored, text } = renderRetentionDelay(value);
  if (isIgnored) {
    partition.log.warning(`retention_delay of ${partition.id} is no number: using 0 days.`);
  }
  await partition.folder.write(RETENTION_DELAY, text, { mode: 0o644 });
}
