/** Handler of `slapos node boot` (spec/cli.md 5.6): wires the verb to the machine. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootNode } from '../../boot/run-boot.ts';
import type { Config } from '../../config/config.ts';
import { readBoolean, requireValue, splitNames } from '../../config/values.ts';
import { CancelledError, errorMessage } from '../../errors/slapos-error.ts';
import { openOwnedFolder } from '../../host/folder/owned-folder.ts';
import { awaitIpv6Address } from '../../host/netlink.ts';
import { connectTo } from '../../host/network/tcp-connect.ts';
import type { Logger } from '../../log/logger.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { run as runBang } from './bang.ts';
import { run as runFormat } from './format.ts';

const CONNECT_TIMEOUT_MS = 5000;
const TIMESTAMP_FILE = '.timestamp';

export const run: CommandHandler = async (context) => {
  const { config, cwd, log, signal } = context;
  const instanceRoot = resolve(cwd, requireValue(config, 'slapos', 'instance_root'));
  const baseName = config.get('slapformat', 'partition_base_name') ?? 'slappart';
  const aborted = abortedBy(signal);
  await bootNode({
    devices: listDevices(config),
    masterUrl: requireValue(config, 'slapos', 'master_url'),
    log,
    ports: {
      awaitAddress: (devices, timeoutMs) =>
        Promise.race([awaitIpv6Address(devices, timeoutMs), aborted]),
      format: () => format(context),
      connect: (url) => connectTo(url, CONNECT_TIMEOUT_MS),
      bang: async () => void (await runBang(context)),
      forgetTimestamps: () => forgetTimestamps(instanceRoot, baseName, log),
      pause: (ms) => Promise.race([sleep(ms, undefined, { ref: true }), aborted]),
    },
  });
  return 0;
};

/** Where a global address may come first: a bridge that format makes gets it from its ports. */
function listDevices(config: Config): readonly string[] {
  const device =
    config.get('slapformat', 'ipv6_interface') ?? config.get('slapformat', 'interface_name');
  if (device === undefined || device === '') return [];
  const isMade = readBoolean(config, 'slapformat', 'create_bridge', false, 'permissive');
  return isMade
    ? [device, ...splitNames(config.get('slapformat', 'bridge_ports') ?? '')]
    : [device];
}

/** A pass of its own, with the configuration that was read. Returns its exit status. */
function format(context: CommandContext): Promise<number> {
  const spec = context.commands.find(({ words }) => words === 'node format') ?? context.command;
  return runFormat({ ...context, command: spec, options: { now: true } });
}

/** Each partition's is removed by its name, whatever stands there. */
async function forgetTimestamps(
  instanceRoot: string,
  baseName: string,
  log: Logger,
): Promise<string[]> {
  const entries = await readdir(instanceRoot, { withFileTypes: true }).catch(() => []);
  const removed: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || !entry.name.startsWith(baseName)) continue;
    const folder = openOwnedFolder(join(instanceRoot, entry.name));
    const path = join(instanceRoot, entry.name, TIMESTAMP_FILE);
    try {
      if ((await folder.stat(TIMESTAMP_FILE)) === undefined) continue;
      await folder.remove(TIMESTAMP_FILE);
      removed.push(path);
    } catch (error) {
      log.warning(`[BOOT] ${path}: ${errorMessage(error)}`);
    }
  }
  return removed;
}

/** Rejects when the command is told to end. */
function abortedBy(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    const end = () => reject(new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted.'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  aborted.catch(() => undefined);
  return aborted;
}
