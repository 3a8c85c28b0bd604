/** Handler of `slapos node top`: live on a terminal, else as a table or as JSON. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseInterval } from '../../collect/daemon/interval.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { makeJsonPrintable } from '../../log/printable.ts';
import { parseStatusSettings } from '../../status/settings.ts';
import { openStatusSources, type StatusSources } from '../../status/sources.ts';
import { type NodeView, TopFeed } from '../../top/feed.ts';
import { runLive } from '../../top/live.ts';
import { renderPlain } from '../../top/plain.ts';
import { restartService } from '../../top/restart-service.ts';
import { listPartitions } from '../../top/rows.ts';
import { initialState, type SortKey, type TopState } from '../../top/state.ts';
import type { CommandContext } from '../command.ts';
import { createRawTerminal, isAsciiLocale, isInteractive } from './raw-terminal.ts';

const TAP_BASE = 'slaptap';

export async function run(context: CommandContext): Promise<number> {
  const { config, cwd, options } = context;
  const intervalMs = parseInterval(String(options['interval'] ?? '1s'));
  const sort = (options['sort'] ?? 'cpu') as SortKey;
  const state = initialState(sort, String(options['filter'] ?? ''));
  const sources = openStatusSources(parseStatusSettings(config, cwd));
  try {
    const feed = createFeed(context, sources);
    if (options['format'] === 'json') await writeJson(context, feed, state, intervalMs);
    else if (options['once'] === true || !isInteractive(context)) {
      await writeTable(context, feed, state, intervalMs);
    } else await runLive(liveOptions(context, feed, state, intervalMs));
    return 0;
  } finally {
    sources.close();
  }
}

function createFeed({ config }: CommandContext, sources: StatusSources): TopFeed {
  const base = config.get('slapformat', 'tap_base_name')?.trim() || TAP_BASE;
  const openReader = async (isAccounting: boolean) => {
    const { openProcessReader } = await import('../../host/process/process-reader.ts');
    return openProcessReader({ isAccounting });
  };
  return new TopFeed({
    sources,
    isRoot: sources.host.isRoot,
    files: createHostFiles(),
    openReader: () => openReader(true),
    openListReader: () => openReader(false),
    monotonicMs: () => performance.now(),
    tapOf: (reference) => {
      const number = /(?<!\d)\d+$/.exec(reference)?.[0];
      return number === undefined ? undefined : `${base}${number}`;
    },
  });
}

function liveOptions(context: CommandContext, feed: TopFeed, state: TopState, intervalMs: number) {
  const { instanceRoot } = parseStatusSettings(context.config, context.cwd);
  return {
    feed,
    terminal: createRawTerminal(context),
    state,
    intervalMs,
    signal: context.signal,
    restart: (name: string) => restartService(createHostFiles(), instanceRoot, name),
  };
}

/** Rates need two looks where nobody else has looked. */
async function readRates(
  feed: TopFeed,
  intervalMs: number,
  signal: AbortSignal,
): Promise<NodeView> {
  const first = await feed.readNode();
  if (first.isSettled) return first;
  await pause(intervalMs, signal);
  return feed.readNode();
}

async function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  await sleep(timeMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

async function writeTable(
  { env, output, signal }: CommandContext,
  feed: TopFeed,
  state: TopState,
  intervalMs: number,
): Promise<void> {
  const view = await readRates(feed, intervalMs, signal);
  signal.throwIfAborted();
  const columns = output.isTerminal ? output.columns : undefined;
  for (const text of renderPlain(view, state, columns, isAsciiLocale(env))) output.line(text);
}

/** One document, or a line at each interval until it is told to stop. */
async function writeJson(
  { options, output, signal }: CommandContext,
  feed: TopFeed,
  state: TopState,
  intervalMs: number,
): Promise<void> {
  const write = ({ status }: NodeView) => {
    const partitions = listPartitions(status.partitions, state);
    output.line(makeJsonPrintable(JSON.stringify({ ...status, partitions })));
  };
  let view = await readRates(feed, intervalMs, signal);
  while (!signal.aborted) {
    write(view);
    if (options['once'] === true) return;
    await pause(intervalMs, signal);
    if (!signal.aborted) view = await feed.readNode();
  }
}
