/**
 * Handler of `slapos configure local` (spec/cli.md 7): makes this machine a node of its own, with
 * a local Master under the local supervisor. slapos.cfg is written last of the files, so that a run
 * that failed before can be repeated.
 */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseConfigPath } from '../../config/path.ts';
import { readConfig } from '../../config/read.ts';
import { renderNodeConfig, renderProxyConfig } from '../../config/render-node-config.ts';
import { ConfigError, errorMessage } from '../../errors/slapos-error.ts';
import { createHost } from '../../host/create-host.ts';
import { homeOf } from '../../host/folder/home-of.ts';
import type { HostFiles } from '../../host/host.ts';
import { fetchText } from '../../host/network/fetch-text.ts';
import { packageRoot } from '../../host/package/package-files.ts';
import { ensureSupervisor, writeSupervisorFiles } from '../../supervisor/launch.ts';
import { supervisorPaths } from '../../supervisor/layout.ts';
import type { CommandContext } from '../command.ts';

const COMPUTER_ID = 'local_computer';
const PROXY_START_TIMEOUT_MS = 30_000;
const PROXY_POLL_MS = 100;

interface LocalNode {
  readonly etc: string;
  readonly home: string;
  readonly instanceRoot: string;
  readonly softwareRoot: string;
  readonly interfaceName: string;
  readonly ipv4LocalNetwork: string;
  readonly partitionAmount: number;
  readonly listenIp: string;
  readonly listenPort: number;
  readonly masterUrl: string;
  readonly isCaching: boolean;
}

export async function run(context: CommandContext): Promise<number> {
  const node = readOptions(context);
  const { files } = createHost();
  await refuseConfigured(files, node);
  await writeFiles(files, node);
  await linkClientConfig(files, node, context);
  await startSupervisor(files, node, context);
  await awaitProxy(node, context);
  await format(node, context);
  context.log.info(
    `This machine is computer ${COMPUTER_ID} of the local Master ${node.masterUrl}. ` +
      'Next: slapos supply, slapos request, slapos node status.',
  );
  return 0;
}

function readOptions({ options }: CommandContext): LocalNode {
  const text = (name: string) => String(options[name]);
  const [listenIp, listenPort] = [text('daemon_listen_ip'), Number(options['daemon_listen_port'])];
  return {
    etc: text('slapos_configuration_directory'),
    home: text('slapos_buildout_directory'),
    instanceRoot: text('slapos_instance_root'),
    softwareRoot: text('slapos_software_root'),
    interfaceName: text('interface_name'),
    ipv4LocalNetwork: text('ipv4_local_network'),
    partitionAmount: Number(options['partition_number']),
    listenIp,
    listenPort,
    masterUrl: `http://${isIPv6(listenIp) ? `[${listenIp}]` : listenIp}:${listenPort}`,
    isCaching: options['enable_shacache_proxy'] === true,
  };
}

function nodeConfigPath({ etc }: LocalNode): string {
  return join(etc, 'slapos.cfg');
}

function proxyConfigPath({ etc }: LocalNode): string {
  return join(etc, 'slapos-proxy.cfg');
}

async function refuseConfigured(files: HostFiles, node: LocalNode): Promise<void> {
  const path = nodeConfigPath(node);
  if ((await files.stat(path)) === undefined) return;
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_FILE',
    `A SlapOS configuration already exists: ${path}.`,
    {
      hint: 'Remove it to configure this machine anew; to finish a run that was interrupted: slapos node supervisord, then slapos node format --now',
      context: { path },
    },
  );
}

async function writeFiles(files: HostFiles, node: LocalNode): Promise<void> {
  for (const folder of [node.etc, node.home, node.instanceRoot, node.softwareRoot]) {
    await files.mkdir(folder, { mode: 0o755, isRecursive: true });
  }
  await files.mkdir(join(node.home, 'log'), { mode: 0o700 });
  const shacacheFolder = node.isCaching ? await prepareCache(files, node) : undefined;
  const proxy = renderProxyConfig({
    ...node,
    computerId: COMPUTER_ID,
    host: node.listenIp,
    port: node.listenPort,
    databaseUri: join(node.home, 'slapproxy.db'),
    ...(shacacheFolder === undefined ? {} : { shacacheFolder }),
  });
  await files.write(proxyConfigPath(node), proxy, { mode: 0o644 });
  await writeSupervisorFiles({ files, ...node, computerId: COMPUTER_ID });
  const program = join(supervisorPaths(node.instanceRoot).groupFolder, 'slapproxy.conf');
  await files.write(program, renderProxyProgram(node), { mode: 0o600 });
  await files.write(nodeConfigPath(node), renderLocalConfig(node), { mode: 0o644 });
}

function renderLocalConfig(node: LocalNode): string {
  const cache = node.isCaching
    ? {
        cacheUrl: `${node.masterUrl}/shacache/cache`,
        directoryUrl: `${node.masterUrl}/shacache/dir`,
      }
    : {};
  return renderNodeConfig({ ...node, computerId: COMPUTER_ID, createTap: 'false', ...cache });
}

/** Folders and signing key of the caching proxy; a key that exists stays. */
async function prepareCache(files: HostFiles, node: LocalNode): Promise<string> {
  const folder = join(node.instanceRoot, 'shacache');
  for (const name of ['', 'data', 'dir']) {
    await files.mkdir(join(folder, name), { mode: 0o755, isRecursive: true });
  }
  const key = join(folder, 'signing-key.pem');
  if ((await files.stat(key)) === undefined) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await files.write(key, pem, { mode: 0o600 });
  }
  return folder;
}

/** The local Master as a program of the supervisor. */
export function renderProxyProgram(node: Pick<LocalNode, 'etc' | 'home'>): string {
  const command = `${slaposCommand(node.home)} proxy start --cfg ${node.etc}/slapos-proxy.cfg`;
  const lines = [
    '[program:slapproxy]',
    `directory=${node.home}`,
    `command=${command}`,
    'process_name=slapproxy',
    'autostart=true',
    'autorestart=true',
    'startsecs=0',
    'startretries=0',
    'exitcodes=0',
    'stopsignal=TERM',
    'stopwaitsecs=60',
    'user=0',
    'group=0',
    'redirect_stderr=true',
    `stdout_logfile=${node.home}/log/slapos-proxy.log`,
    'stdout_logfile_maxbytes=100KB',
    'stdout_logfile_backups=1',
  ];
  return `${lines.map((line) => line.replaceAll('%', '%%')).join('\n')}\n`;
}

/** What a package installed, else this package under the running Node: services have no PATH. */
function slaposCommand(home: string): string {
  const installed = join(home, 'bin', 'slapos');
  if (existsSync(installed)) return installed;
  return `'${process.execPath}' '${join(packageRoot(), 'bin', 'slapos')}'`;
}

/** Client commands find the local Master without options. */
async function linkClientConfig(
  files: HostFiles,
  node: LocalNode,
  { env, log }: CommandContext,
): Promise<void> {
  const link = join(env['HOME'] ?? homedir(), '.slapos', 'slapos-client.cfg');
  await files.mkdir(dirname(link), { mode: 0o700, isRecursive: true });
  if ((await files.stat(link)) !== undefined) {
    log.warning(`${link} exists and is kept: client commands follow it.`);
    return;
  }
  await symlink(nodeConfigPath(node), link);
}

async function startSupervisor(
  files: HostFiles,
  node: LocalNode,
  { log, signal }: CommandContext,
): Promise<void> {
  log.info('Starting the supervisor and the local Master.');
  await ensureSupervisor({ files, instanceRoot: node.instanceRoot, log, signal });
}

/** The Master has to answer before format reports to it; any HTTP answer will do. */
async function awaitProxy(node: LocalNode, { log, signal }: CommandContext): Promise<void> {
  const deadline = performance.now() + PROXY_START_TIMEOUT_MS;
  while (performance.now() < deadline && !signal.aborted) {
    try {
      await fetchText(`${node.masterUrl}/`, AbortSignal.timeout(1000));
      return;
    } catch (error) {
      if (errorMessage(error).includes(' answers ')) return;
      await sleep(PROXY_POLL_MS);
    }
  }
  log.error(
    `The local Master does not answer on ${node.masterUrl}: look at ${node.home}/log/slapos-proxy.log.`,
  );
}

/** As upstream, a failed format does not fail the command: the configuration stands. */
async function format(node: LocalNode, context: CommandContext): Promise<void> {
  const { options, env } = context;
  const option = options['cfg'] as string | undefined;
  const configPath =
    option === undefined
      ? nodeConfigPath(node)
      : chooseConfigPath({ family: 'node', option, env, homeOf });
  const { run: runFormat } = await import('./format.ts');
  try {
    const config = readConfig(configPath);
    const status = await runFormat({ ...context, configPath, config, options: { now: true } });
    if (status === 0) return;
  } catch (error) {
    context.log.error(errorMessage(error));
  }
  context.log.error(
    'The partitions are not ready: correct this, then run slapos node format --now.',
  );
}
