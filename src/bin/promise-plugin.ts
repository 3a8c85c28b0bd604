/**
 * The process of one JavaScript plugin promise. The node hands the text of this bundle to its own
 * Node through standard input, as the user of the partition; what was standard error is the way to
 * the node, what the plugin prints goes to standard output.
 */
import { Console } from 'node:console';
import { statSync } from 'node:fs';
import { writeLine } from '../host/log/plain-log.ts';
import { GenericPromise } from '../promise/plugin-api.ts';
import { checkPlugin, type PluginJob } from '../promise/plugin-process.ts';
import { AnomalyResult, TestResult } from '../promise/plugin-result.ts';

const CHANNEL = 2;

/** @param load loads a module by its URL: a bundle cannot by itself. */
export async function runPlugin(
  job: PluginJob,
  load: (url: string) => Promise<unknown>,
): Promise<void> {
  const report = (fields: Readonly<Record<string, unknown>>) =>
    writeLine(CHANNEL, JSON.stringify(fields));
  report({ event: 'ready' });
  Object.defineProperty(process, 'stderr', { get: () => process.stdout });
  globalThis.console = new Console(process.stdout, process.stdout);
  Object.assign(globalThis, { slapos: { GenericPromise, TestResult, AnomalyResult } });
  const fileMtime = statSync(job.plugin.path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const now = () => Date.now();
  await checkPlugin(job, { load, report, now, fileMtime: fileMtime / 1000 });
  // A timer or a socket that the plugin left open must not keep the process.
  process.stdout.write('', () => process.exit(0));
}
