/**
 * The only writer: one table from step kind to effect. Steps of a kind that stand together go to
 * the host in one batch. A step that fails costs its partition: that one's later steps are not
 * taken, those of others are. What all rest on ends the run. What was done stays and is found by
 * the next run, which plans the rest.
 */
import { isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import {
  LINK_GROUP_RELEASED,
  LINK_GROUP_SLAPOS,
  type NetlinkOperation,
} from '../host/network/native-network.ts';
import type { Computer } from '../model/computer.ts';
import {
  appendHistory,
  changeDirectory,
  createDirectories,
  removeFile,
  writeFiles,
} from './apply-files.ts';
import { moveUplink, restoreUplink, writeUplinkJournal } from './apply-uplink.ts';
import { Attribution, isStateFile } from './attribution.ts';
import {
  type ApplyHooks,
  type Effect,
  each,
  errorsOf,
  type Reach,
  type Taken,
  together,
} from './effect.ts';
import { concernsAll, type FailedStep, type Leftover } from './incomplete.ts';
import type { FormatPorts } from './ports.ts';
import type { Step, StepKind, StepOf } from './step.ts';

/** Measured: the kernel takes about 2 s for one address or five hundred. */
const DAD_TIMEOUT_MS = 10_000;
const PARALLEL_FILES = 32;
/** Devices in one call: with udev at its usual rules each costs 7 ms. */
const DEVICES_AT_ONCE = 64;

export interface ApplyOutcome extends Leftover {
  /** Addresses that another machine answered for. When not empty, later steps were not taken. */
  readonly duplicates: readonly string[];
}

const EFFECTS: { readonly [Kind in StepKind]: Effect<Kind> } = {
  accounts: (steps, reach) =>
    each(steps, 1, reach, ({ transaction }) => {
      return reach.ports.host.accounts.apply({ etc: '/etc', ...transaction });
    }),
  directoryCreate: createDirectories,
  directoryChange: (steps, reach) =>
    each(steps, PARALLEL_FILES, reach, ({ path, mode, owner }) =>
      changeDirectory(reach.ports, path, mode, owner),
    ),
  bridgeCreate: (steps, reach) =>
    applyNetwork(
      steps.map(({ name: dev, mac }) => ({ op: 'linkAdd', dev, kind: 'bridge', mac })),
      reach,
    ),
  uplinkJournal: (steps, reach) =>
    each(steps, 1, reach, (step) => writeUplinkJournal(step, reach.ports)),
  uplinkMove: (steps, reach) => each(steps, 1, reach, (step) => moveUplink(step, reach.ports)),
  uplinkRestore: (steps, reach) =>
    each(steps, 1, reach, (step) => restoreUplink(step, reach.ports)),
  deviceCreate: createDevices,
  deviceDelete: deleteDevices,
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
  controlWrite: (steps, reach) =>
    each(steps, 1, reach, ({ path, value }) => reach.ports.host.files.writeControl(path, value)),
  sysctl: (steps, reach) =>
    each(steps, 1, reach, ({ name, value }) => reach.ports.host.sysctl.write(name, value)),
  awaitDad,
  fileWrite: writeFiles,
  historyAppend: (steps, reach) => each(steps, 1, reach, (step) => appendHistory(step, reach)),
  fileRemove: (steps, reach) => each(steps, 1, reach, (step) => removeFile(reach.ports, step)),
};

/**
 * Takes the steps in order.
 * @param computer What the steps make: tells whose each step is.
 * @throws SlaposError SLAPOS_ERR_CANCELLED between batches once `hooks.signal` is aborted.
 */
export async function apply(
  steps: readonly Step[],
  computer: Computer,
  ports: FormatPorts,
  hooks: ApplyHooks,
): Promise<ApplyOutcome> {
  const ledger = new Ledger(computer);
  let done = 0;
  for (const batch of batches(steps)) {
    refuseCancelled(hooks, steps.length - done);
    const wanted = ledger.select(batch);
    if (wanted.length > 0) {
      hooks.onBatch({ kind: batch[0].kind, count: wanted.length, done });
      const before = done;
      const advance = (taken: number) => hooks.onAdvance(before + taken);
      const { errors = [], duplicates = [] } = await take(wanted, { ports, hooks, advance });
      ledger.note(wanted, errors);
      if (duplicates.length > 0) return { ...ledger.leftover(), duplicates };
    }
    done += batch.length;
  }
  return { ...ledger.leftover(), duplicates: [] };
}

/** A batch that the host refuses as a whole is a refusal of each of its steps. */
async function take(steps: readonly Step[], reach: Reach): Promise<Taken> {
  const effect = EFFECTS[(steps[0] as Step).kind] as Effect<StepKind>;
  try {
    return await effect(steps, reach);
  } catch (error) {
    if (!isSlaposError(error)) throw error;
    return { errors: steps.map(() => error) };
  }
}

/** Keeps account of what failed, and of what is no longer worth trying. */
class Ledger {
  readonly #attribution: Attribution;
  readonly #failures: FailedStep[] = [];
  readonly #untaken: Step[] = [];
  readonly #lost = new Set<string>();
  #isOver = false;

  constructor(computer: Computer) {
    this.#attribution = new Attribution(computer);
  }

  /** The steps that can be taken; the others are noted as left. */
  select(batch: readonly Step[]): readonly Step[] {
    if (this.#failures.length === 0) return batch;
    return batch.flatMap((step) => {
      const rest = this.#takeable(step);
      if (rest !== undefined) return [rest];
      this.#untaken.push(step);
      return [];
    });
  }

  /** The step, or the part of it that is not for a lost partition. */
  #takeable(step: Step): Step | undefined {
    // Nothing is made that no journal names: what follows a state file waits with it.
    this.#isOver ||= isStateFile(step);
    if (this.#isOver) return undefined;
    if (step.kind !== 'awaitDad') return this.#isLost(step) ? undefined : step;
    const addresses = step.addresses.filter((one) => {
      return !this.#isLost({ kind: 'awaitDad', addresses: [one] });
    });
    if (addresses.length === step.addresses.length) return step;
    return addresses.length === 0 ? undefined : { ...step, addresses };
  }

  #isLost(step: Step): boolean {
    return this.#attribution.partitionsOf(step).some((reference) => this.#lost.has(reference));
  }

  note(steps: readonly Step[], errors: ReadonlyArray<SlaposError | undefined>): void {
    for (const [index, step] of steps.entries()) {
      const error = errors[index];
      if (error === undefined) continue;
      this.#failures.push({ step, error });
      const partitions = this.#attribution.partitionsOf(step);
      for (const reference of partitions) this.#lost.add(reference);
      this.#isOver ||= isFatal(step, partitions) || concernsAll(step, this.#attribution);
    }
  }

  leftover(): Leftover {
    return { failures: this.#failures, untaken: this.#untaken };
  }
}

/** True for what later steps rest on: a partition's user stays until all else of it is gone. */
function isFatal(step: Step, partitions: readonly string[]): boolean {
  if (step.kind === 'fileRemove') return partitions.length === 0;
  return step.kind === 'accounts' || step.kind === 'deviceDelete' || isStateFile(step);
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

async function createDevices(
  steps: ReadonlyArray<StepOf<'deviceCreate'>>,
  reach: Reach,
): Promise<Taken> {
  const devices = steps.map(({ name, mode, owner }) => ({ name, mode, ownerUid: owner.uid }));
  return together(devices, DEVICES_AT_ONCE, reach, async (some) =>
    errorsOf(await reach.ports.host.taps.create(some)),
  );
}

/** The group is deleted in one message, so nothing else may be in it: see {@link strays}. */
async function deleteDevices(
  steps: ReadonlyArray<StepOf<'deviceDelete'>>,
  reach: Reach,
): Promise<Taken> {
  const group = LINK_GROUP_RELEASED;
  const others = await strays(steps, reach);
  const { errors: moved = [] } = await applyNetwork(
    [
      ...others.map((dev) => ({ op: 'linkSet' as const, dev, group: LINK_GROUP_SLAPOS })),
      ...steps.map(({ name }) => ({ op: 'linkSet' as const, dev: name, group })),
    ],
    reach,
  );
  const refused = moved.find((error) => error !== undefined);
  if (refused !== undefined) return { errors: steps.map(() => refused) };
  const { errors = [] } = await applyNetwork([{ op: 'linkDelGroup', group }], reach);
  return { errors: steps.map(() => errors[0]) };
}

/** Devices that a release which was killed or refused had put there and that shall stay. */
async function strays(
  steps: ReadonlyArray<StepOf<'deviceDelete'>>,
  { ports }: Reach,
): Promise<string[]> {
  const names = new Set(steps.map(({ name }) => name));
  const wanted = { links: true, addresses: false, routes: false };
  const { links } = await ports.host.network.dump(wanted);
  return links
    .filter(({ group, name }) => group === LINK_GROUP_RELEASED && !names.has(name))
    .map(({ name }) => name);
}

async function applyNetwork(
  operations: readonly NetlinkOperation[],
  { ports }: Reach,
): Promise<Taken> {
  return errorsOf(await ports.host.network.apply(operations));
}

async function awaitDad(
  steps: ReadonlyArray<StepOf<'awaitDad'>>,
  { ports, hooks }: Reach,
): Promise<Taken> {
  const wanted = steps.flatMap(({ addresses }) => addresses);
  const bad = await ports.host.network.awaitDad(wanted, DAD_TIMEOUT_MS);
  for (const { address, dev, state } of bad) {
    hooks.onWarning(
      state === 'missing'
        ? `${address} vanished from ${dev}; another address is given.`
        : `${address} on ${dev} is used by another machine (${state}); another is given.`,
    );
  }
  return { duplicates: bad.map(({ address }) => address) };
}
