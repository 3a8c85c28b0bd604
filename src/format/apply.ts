/**
 * The only writer: one table from step kind to effect. Steps of a kind that stand together go to
 * the host in one batch. It stops at the first failure; what was done stays and is found by the
 * next run, which plans the rest.
 */
import { HostError, SlaposError } from '../errors/slapos-error.ts';
import type { OperationResult } from '../host/host.ts';
import type { NetlinkOperation } from '../host/native-network.ts';
import type { FormatPorts } from './ports.ts';
import type { Owner, Step, StepKind, StepOf } from './step.ts';
import { appendZipEntry, historyStamp } from './zip-history.ts';

/** Measured: the kernel takes about 2 s for one address or five hundred. */
const DAD_TIMEOUT_MS = 10_000;
const HISTORY_MODE = 0o644;
const PARALLEL_FILES = 32;

export interface ApplyHooks {
  /** Called before each batch. */
  onBatch(batch: { readonly kind: StepKind; readonly count: number; readonly done: number }): void;
  onWarning(message: string): void;
  /** For the stamp in the names of history entries. */
  now(): Date;
  readonly signal: AbortSignal;
}

export interface ApplyOutcome {
  /** Addresses that another machine answered for. When not empty, later steps were not taken. */
  readonly duplicates: readonly string[];
}

interface Reach {
  readonly ports: FormatPorts;
  readonly hooks: ApplyHooks;
}

type Effect<Kind extends StepKind> = (
  steps: ReadonlyArray<StepOf<Kind>>,
  reach: Reach,
) => Promise<readonly string[] | undefined>;

const EFFECTS: { readonly [Kind in StepKind]: Effect<Kind> } = {
  accounts: (steps, reach) =>
    each(steps, 1, ({ transaction }) => {
      return reach.ports.host.accounts.apply({ etc: '/etc', ...transaction });
    }),
  directoryCreate: createDirectories,
  directoryChange: (steps, { ports }) =>
    each(steps, PARALLEL_FILES, ({ path, mode, owner }) =>
      changeDirectory(ports, path, mode, owner),
    ),
  deviceCreate: createDevices,
  link: (steps, reach) =>
    applyNetwork(
      steps.map(({ change }) => change),
      reach,
    ),
  address: (steps, reach) =>
    applyNetwork(
      steps.map(({ change }) => change),
      reach,
    ),
  route: (steps, reach) =>
    applyNetwork(
      steps.map(({ change }) => change),
      reach,
    ),
  sysctl: (steps, { ports }) =>
    each(steps, 1, ({ name, value }) => ports.host.sysctl.write(name, value)),
  awaitDad,
  fileWrite: (steps, { ports }) => each(steps, PARALLEL_FILES, (step) => writeFile(ports, step)),
  historyAppend: (steps, reach) => each(steps, 1, (step) => appendHistory(step, reach)),
  fileRemove: (steps, { ports }) => each(steps, 1, (step) => removeFile(ports, step)),
};

/**
 * Takes the steps in order.
 * @throws HostError of the first step that the kernel refuses.
 * @throws SlaposError SLAPOS_ERR_CANCELLED between batches once `hooks.signal` is aborted.
 */
export async function apply(
  steps: readonly Step[],
  ports: FormatPorts,
  hooks: ApplyHooks,
): Promise<ApplyOutcome> {
  let done = 0;
  for (const batch of batches(steps)) {
    refuseCancelled(hooks, steps.length - done);
    const kind = batch[0].kind;
    hooks.onBatch({ kind, count: batch.length, done });
    const effect = EFFECTS[kind] as Effect<StepKind>;
    const duplicates = await effect(batch, { ports, hooks });
    if (duplicates !== undefined && duplicates.length > 0) return { duplicates };
    done += batch.length;
  }
  return { duplicates: [] };
}

function refuseCancelled(hooks: ApplyHooks, left: number): void {
  if (!hooks.signal.aborted) return;
  throw new SlaposError('SLAPOS_ERR_CANCELLED', `Interrupted with ${left} steps left.`, {
    cause: hooks.signal.reason,
    hint: 'Run slapos node format again: it goes on from here.',
  });
}

type Batch = readonly [Step, ...Step[]];

/** Runs of steps of one kind. */
export function batches(steps: readonly Step[]): Batch[] {
  const all: Array<[Step, ...Step[]]> = [];
  for (const step of steps) {
    const last = all.at(-1);
    if (last !== undefined && last[0].kind === step.kind) last.push(step);
    else all.push([step]);
  }
  return all;
}

/** Does something with each item, some at a time, in order of starting. */
async function each<Item>(
  items: readonly Item[],
  parallel: number,
  act: (item: Item) => Promise<void>,
): Promise<undefined> {
  for (let start = 0; start < items.length; start += parallel) {
    await Promise.all(items.slice(start, start + parallel).map(act));
  }
}

/** Parents first; folders that need no parents together. */
async function createDirectories(
  steps: ReadonlyArray<StepOf<'directoryCreate'>>,
  { ports }: Reach,
): Promise<undefined> {
  const create = async ({ path, mode, isRecursive, owner }: StepOf<'directoryCreate'>) => {
    await ports.host.files.mkdir(path, { mode, isRecursive });
    if (owner !== null) await ports.host.files.chown(path, owner.uid, owner.gid);
  };
  await each(
    steps.filter(({ isRecursive }) => isRecursive),
    1,
    create,
  );
  await each(
    steps.filter(({ isRecursive }) => !isRecursive),
    PARALLEL_FILES,
    create,
  );
}

/** Owner before mode: chown(2) may clear bits of the mode. */
async function changeDirectory(
  { host }: FormatPorts,
  path: string,
  mode: number | null,
  owner: Owner | null,
): Promise<void> {
  if (owner !== null) await host.files.chown(path, owner.uid, owner.gid);
  if (mode !== null) await host.files.chmod(path, mode);
}

async function createDevices(
  steps: ReadonlyArray<StepOf<'deviceCreate'>>,
  { ports }: Reach,
): Promise<undefined> {
  const devices = steps.map(({ name, mode, owner }) => ({ name, mode, ownerUid: owner.uid }));
  throwFirst(await ports.host.taps.create(devices));
}

async function applyNetwork(
  operations: readonly NetlinkOperation[],
  { ports }: Reach,
): Promise<undefined> {
  throwFirst(await ports.host.network.apply(operations));
}

function throwFirst(results: ReadonlyArray<OperationResult<unknown>>): void {
  const failed = results.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const first = failed[0];
  if (first === undefined) return;
  if (failed.length === 1) throw first;
  const message = `${first.message} (${failed.length} of ${results.length} such steps failed)`;
  throw new HostError(first.code, message, first, {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

async function awaitDad(
  steps: ReadonlyArray<StepOf<'awaitDad'>>,
  { ports, hooks }: Reach,
): Promise<readonly string[]> {
  const wanted = steps.flatMap(({ addresses }) => addresses);
  const bad = await ports.host.network.awaitDad(wanted, DAD_TIMEOUT_MS);
  for (const { address, dev, state } of bad) {
    hooks.onWarning(
      state === 'missing'
        ? `${address} vanished from ${dev}; another address is given.`
        : `${address} on ${dev} is used by another machine (${state}); another is given.`,
    );
  }
  return bad.map(({ address }) => address);
}

async function writeFile(ports: FormatPorts, step: StepOf<'fileWrite'>): Promise<void> {
  const { path, content, mode, beneath } = step;
  if (beneath === null) return ports.host.files.write(path, content, { mode });
  await ports.partitionFiles.write(beneath, path.slice(beneath.length + 1), content, { mode });
}

async function removeFile(ports: FormatPorts, step: StepOf<'fileRemove'>): Promise<void> {
  const { path, beneath } = step;
  if (beneath === null) return ports.host.files.remove(path);
  await ports.partitionFiles.remove(beneath, path.slice(beneath.length + 1));
}

/** An archive that cannot be appended to is set aside once; the history never stops a format. */
async function appendHistory(step: StepOf<'historyAppend'>, { ports, hooks }: Reach) {
  const { files } = ports.host;
  const { path, entryBaseName, content } = step;
  const now = hooks.now();
  const stamp = historyStamp(now);
  const entry = { name: `${entryBaseName}.${stamp}`, content, modified: now };
  const archive = await files.read(path);
  let next: Buffer;
  try {
    next = appendZipEntry(archive, entry);
  } catch {
    const aside = `${path}_broken_${stamp}`;
    hooks.onWarning(`${path} is no zip archive: it becomes ${aside}.`);
    await files.write(aside, archive ?? '', { mode: HISTORY_MODE });
    next = appendZipEntry(undefined, entry);
  }
  await files.write(path, next, { mode: HISTORY_MODE });
}
