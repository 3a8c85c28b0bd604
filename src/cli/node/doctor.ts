/** Handler of `slapos node doctor`: wires the verb to the machine. */
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { resolve } from 'node:path';
import { describeUnknownKey, listUnknownKeys } from '../../config/check.ts';
import type { Config } from '../../config/config.ts';
import { readConfig } from '../../config/read.ts';
import { parseBoolean, parseInteger, requireValue } from '../../config/values.ts';
import type { DoctorFacts, NodeSettings } from '../../doctor/facts.ts';
import { judge } from '../../doctor/judge.ts';
import { type DoctorPorts, observeFacts } from '../../doctor/observe.ts';
import { renderFindings } from '../../doctor/render.ts';
import { errorMessage, isSlaposError } from '../../errors/slapos-error.ts';
import { createGridHost } from '../../host/create-grid-host.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { loadNative } from '../../host/native.ts';
import { createNetwork } from '../../host/netlink.ts';
import { findProgram } from '../../host/process/find-program.ts';
import { openProcessReader } from '../../host/process/process-reader.ts';
import { parseMasterOptions } from '../../slap/client-options.ts';
import type { SlapClientOptions } from '../../slap/connection.ts';
import { openHttpTransport } from '../../slap/http-transport.ts';
import { createSlapClient } from '../../slap/slap-client.ts';
import { searchBootstrap } from '../../software/run-buildout.ts';
import { findForeignSupervisor } from '../../supervisor/launch.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { EXIT } from '../exit-code.ts';

const MASTER_TIMEOUT_MS = 10_000;

export const run: CommandHandler = async (context) => {
  const { output, options } = context;
  const { config, problems } = readLeniently(context);
  const settings = parseSettings(config, context.cwd);
  if (options['takeover'] === true) return takeOver({ ...context, config }, settings);
  const facts = await observeFacts(settings, problems, createPorts(context, config, settings));
  const findings = judge(facts);
  if (options['format'] === 'json') output.line(JSON.stringify({ findings }, null, 2));
  else output.write(renderFindings(findings, output.hasColors));
  return findings.some(({ severity }) => severity === 'problem') ? EXIT.failure : EXIT.ok;
};

/** The configuration must be there: it is read anew, so that what is wrong in it is told. */
async function takeOver(context: CommandContext, { instanceRoot }: NodeSettings): Promise<number> {
  const config = readConfig(context.configPath);
  const root = instanceRoot ?? requireValue(config, 'slapos', 'instance_root');
  const { runTakeover } = await import('./takeover.ts');
  return runTakeover({ ...context, config }, await findSupervisor(root), root);
}

/** Without a configuration the machine can be looked at all the same. */
function readLeniently({ config, configPath }: CommandContext): {
  readonly config: Config;
  readonly problems: readonly string[];
} {
  try {
    const config = readConfig(configPath);
    const unknown = listUnknownKeys(config);
    return { config, problems: unknown.map((one) => describeUnknownKey(one, configPath)) };
  } catch (error) {
    if (!isSlaposError(error)) throw error;
    const hint = '`slapos node register` or `slapos configure local` writes one';
    return { config, problems: [`${error.message.replace(/\.$/, '')}: ${hint}`] };
  }
}

/** What is wrong in itself is told by the command that needs it; here it counts as not given. */
function parseSettings(config: Config, cwd: string): NodeSettings {
  const path = (key: string) => {
    const value = config.get('slapos', key);
    return value === undefined || value === '' ? undefined : resolve(cwd, value);
  };
  const isOn = (key: string, preset: boolean) =>
    parseBoolean(config.get('slapformat', key) ?? '') ?? preset;
  const interfaceName = config.get('slapformat', 'interface_name');
  return {
    instanceRoot: path('instance_root'),
    softwareRoot: path('software_root'),
    masterUrl: config.get('slapos', 'master_url'),
    interfaceName,
    ipv6Interface: config.get('slapformat', 'ipv6_interface') ?? interfaceName,
    isTapCreated: isOn('create_tap', true),
    isBridgeCreated: isOn('create_bridge', false),
    partitionAmount: parseInteger(config.get('slapformat', 'partition_amount') ?? '') ?? 1,
    firewallCommand: config.sections().includes('firewall')
      ? (config.get('firewall', 'firewall_cmd') ?? 'firewall-cmd')
      : undefined,
    keyFile: path('key_file'),
    certFile: path('cert_file'),
  };
}

function createPorts(context: CommandContext, config: Config, settings: NodeSettings): DoctorPorts {
  const { instanceRoot } = settings;
  return {
    files: createHostFiles(),
    isRoot: process.geteuid?.() === 0,
    release: release(),
    capabilities: loadNative().capabilities(),
    nowMs: Date.now(),
    dumpNetwork: () => createNetwork().dump(),
    findProgram: (name) => findProgram(name, context.env),
    freeSpace,
    probeBpf,
    probeBuildout: () => probeBuildout(config, settings, context),
    askMaster: () => askMaster(config, context),
    findSupervisor: () => findSupervisor(instanceRoot),
  };
}

async function freeSpace(path: string) {
  try {
    const { bavail, bsize, ffree, files } = await statfs(path);
    // Some file systems have no number of inodes.
    return { bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
  } catch {
    return undefined;
  }
}

/** As `node software` looks for it, as the user whom the root belongs to. */
async function probeBuildout(
  config: Config,
  { softwareRoot }: NodeSettings,
  { env, signal }: CommandContext,
): Promise<string | undefined> {
  const host = createGridHost();
  if (softwareRoot === undefined || !host.isRoot) return undefined;
  const owner = await host.ownerOf(softwareRoot).catch(() => undefined);
  if (owner === undefined) return undefined;
  const options = {
    buildoutPython: config.get('slapos', 'buildout_python'),
    buildoutScript: config.get('slapos', 'buildout'),
  };
  try {
    await searchBootstrap({ host, env, signal, options }, { folder: '/', owner });
    return '';
  } catch (error) {
    return errorMessage(error);
  }
}

async function probeBpf(): Promise<string> {
  const { reason } = await openProcessReader();
  return reason;
}

async function askMaster(config: Config, { env }: CommandContext): Promise<DoctorFacts['master']> {
  const computerId = config.get('slapos', 'computer_id');
  if (computerId === undefined || config.get('slapos', 'master_url') === undefined)
    return undefined;
  let options: SlapClientOptions;
  try {
    options = parseMasterOptions(config, env);
  } catch (error) {
    return { ...failureOf(error), url: '', clockAheadMs: undefined };
  }
  const clockAheadMs = await readClock(options).catch(() => undefined);
  const master = createSlapClient(options);
  const url = options.masterUrl;
  try {
    await master.getFullComputerInformation(computerId);
    return { url, failure: '', hint: '', clockAheadMs };
  } catch (error) {
    return { url, clockAheadMs, ...failureOf(error) };
  } finally {
    await master.close();
  }
}

function failureOf(error: unknown) {
  const hint = isSlaposError(error) ? (error.hint ?? '') : '';
  return { failure: errorMessage(error), hint };
}

/** How far the Master's clock is ahead of ours, by the `Date` of any answer. */
async function readClock(options: SlapClientOptions): Promise<number | undefined> {
  const transport = openHttpTransport({
    connectTimeoutMs: MASTER_TIMEOUT_MS,
    timeoutMs: MASTER_TIMEOUT_MS,
    keyFile: options.keyFile,
    certFile: options.certFile,
    caFile: options.caFile,
    isTlsVerified: options.isTlsVerified ?? true,
    userAgent: 'slapos-node',
  });
  try {
    const answer = await transport.request({ method: 'GET', url: new URL(options.masterUrl) });
    const date = Date.parse(answer.headers['date'] ?? '');
    return Number.isNaN(date) ? undefined : date - Date.now();
  } finally {
    await transport.close();
  }
}

async function findSupervisor(
  instanceRoot: string | undefined,
): Promise<DoctorFacts['supervisor']['state']> {
  if (instanceRoot === undefined) return 'absent';
  try {
    const foreignPid = await findForeignSupervisor(supervisorPaths(instanceRoot).socket);
    return foreignPid === undefined ? 'running' : 'foreign';
  } catch {
    return 'absent';
  }
}
