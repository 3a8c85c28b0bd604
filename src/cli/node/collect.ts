/** `slapos node collect`: one run of the collector, or the daemon. */
import { parseInterval, parseListen } from '../../collect/daemon/interval.ts';
import { runCollect } from '../../collect/run.ts';
import { parseCollectSettings } from '../../collect/settings.ts';
import type { CommandContext } from '../command.ts';
import { readCertificates } from './certificate-paths.ts';
import { createCollectHost } from './collect-host.ts';

/** Exit 0, or 1 when a mandatory part failed (spec/collect.md 1). */
export async function run(context: CommandContext): Promise<number> {
  const { config, log, signal, options } = context;
  const settings = parseCollectSettings(config);
  const input = { settings, host: createCollectHost(), log, signal };
  return options['daemon'] === true ? startDaemon(context, input) : runCollect(input);
}

async function startDaemon(
  context: CommandContext,
  input: Parameters<typeof runCollect>[0],
): Promise<number> {
  const { options } = context;
  const intervalMs = parseInterval(String(options['interval'] ?? '1s'));
  const listen =
    options['listen'] === undefined ? undefined : parseListen(String(options['listen']));
  const { runDaemon } = await import('../../collect/daemon/run-daemon.ts');
  const { openProcessReader } = await import('../../host/process/process-reader.ts');
  const kind = options['reader'] as 'auto' | 'bpf' | 'procfs' | undefined;
  const reader = await openProcessReader({ kind: kind ?? 'auto', isAccounting: true });
  const look = () => readExpiries(context);
  return runDaemon({ ...input, intervalMs, listen, reader, ownCost, readExpiries: look });
}

/** Those that can be read; what is wrong with the others, `node certificate show` tells. */
async function readExpiries(context: CommandContext) {
  const known = await readCertificates(context);
  return known.flatMap(({ name, facts }) =>
    facts === undefined ? [] : [{ name, notAfterMs: facts.notAfterMs }],
  );
}

function ownCost(): { cpuS: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuS: (user + system) / 1e6, rssBytes: process.memoryUsage.rss() };
}
