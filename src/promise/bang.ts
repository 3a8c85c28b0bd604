/** Bangs for plugins that fail an anomaly check (spec/promise.md 8): once a launch, and not for ever. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import {
  type BangState,
  mayBang,
  parseBangState,
  renderBangState,
  withBang,
  withoutKept,
} from './bang-state.ts';
import type { PromiseCheck } from './check.ts';
import { cachePath, STATE_FOLDER } from './observe.ts';
import type { PluginEnd } from './plugin-listener.ts';
import { parsePromiseCache } from './promise-cache.ts';
import { appendLog, readLastRuns } from './promise-files.ts';

const PATH = `${STATE_FOLDER}/bang.json`;
const MAX_BYTES = 128 * 1024;
const DEFAULT_MINUTES = 2;

/** @param ends in the order in which promises are judged */
export async function bangOnce(
  context: GridContext,
  check: PromiseCheck,
  ends: readonly PluginEnd[],
): Promise<void> {
  if (check.mode !== 'anomaly' || check.bang === undefined) return;
  const before = await readState(check);
  const kept = ends.filter(({ result }) => result !== undefined && !result.hasFailed);
  let state = withoutKept(before, new Set(kept.map(({ promise }) => promise.title)));
  for (const end of ends.filter(({ wantsBang }) => wantsBang)) {
    const { title } = end.promise;
    const now = context.now().getTime() / 1000;
    if (!mayBang(state, title, await readPeriodicity(check, title), now)) {
      check.log.debug(`Promise ${title} is failing still: it is too early for another bang.`);
      continue;
    }
    const isSent = await bang(context, check, title);
    if (isSent === 'sent') state = withBang(state, title, now);
    // Another promise has the same Master.
    if (isSent !== 'refused') break;
  }
  await writeState(context, check, before, state);
}

async function bang(
  context: GridContext,
  check: PromiseCheck,
  title: string,
): Promise<'sent' | 'refused' | 'unreachable'> {
  const message = `Promise ${title} is failing`;
  try {
    await check.bang?.(message);
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    const text = `Bang with message '${message}' failed: ${errorMessage(error)}`;
    check.log.warning(text, { event: 'promise.bang_failed', partition: check.partitionId });
    await say(context, check, title, 'WARNING', text);
    return errorCode(error) === 'SLAPOS_ERR_MASTER_UNAVAILABLE' ? 'unreachable' : 'refused';
  }
  check.log.info(`Bang with message '${message}'.`, {
    event: 'promise.bang',
    partition: check.partitionId,
  });
  await say(context, check, title, 'INFO', `Bang with message '${message}'.`);
  return 'sent';
}

/** In the run that failed: a run of its own would count among those that promises are judged on. */
async function say(
  context: GridContext,
  check: PromiseCheck,
  title: string,
  level: 'INFO' | 'WARNING',
  text: string,
): Promise<void> {
  try {
    const [latest] = await readLastRuns(check, title, 1);
    await appendLog(context, check, title, level, text, latest?.[0]?.transaction);
  } catch (error) {
    check.log.debug(`${errorMessage(error)}, ignoring`);
  }
}

async function readState({ folder }: PromiseCheck): Promise<BangState> {
  const [text] = await folder.readTexts([PATH], MAX_BYTES);
  return parseBangState(typeof text === 'string' ? text : undefined);
}

async function readPeriodicity({ folder }: PromiseCheck, title: string): Promise<number> {
  const [text] = await folder.readTexts([cachePath(title)], MAX_BYTES);
  const cache = typeof text === 'string' ? parsePromiseCache(text) : undefined;
  return cache?.periodicityMinutes ?? DEFAULT_MINUTES;
}

async function writeState(
  context: GridContext,
  { folder, log, owner }: PromiseCheck,
  before: BangState,
  after: BangState,
): Promise<void> {
  const text = renderBangState(after);
  if (text === renderBangState(before)) return;
  await folder
    .write(PATH, text, ownedBy(context.host, owner, 0o644))
    .catch((error: unknown) => log.debug(`${errorMessage(error)}, ignoring`));
}
