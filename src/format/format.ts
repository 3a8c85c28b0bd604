/**
 * The verb: read the state, look at the host, decide, act, tell. Everything that decides is pure
 * (`desired`, `allocate`, `plan`); everything that writes is `apply`.
 *
 * Killed anywhere and run again, it converges: the state file is written last, and the journal
 * beside it (`plan-files.ts`), written first, says which half-made things are ours.
 */

import { HostError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import type { Computer, Partition } from '../model/computer.ts';
import { allocate } from './allocate.ts';
import { apply } from './apply.ts';
import { type DefinitionSections, parseDefinition } from './definition.ts';
import { desiredComputer } from './desired.ts';
import type { ApplyHooks } from './effect.ts';
import type { Facts } from './facts.ts';
import { renumberingNotes } from './former-prefix.ts';
import { incompleteError, type Leftover } from './incomplete.ts';
import { type FoundCpusets, observeCpusets } from './managers.ts';
import { NetworkView } from './network-view.ts';
import { observe, observeStorages, readStateFiles } from './observe.ts';
import type { FormatOptions } from './options.ts';
import { type Observed, plan } from './plan.ts';
import { type BridgePlan, planBridge } from './plan-bridge.ts';
import { externalStorages } from './plan-directories.ts';
import { pendingPath, type StateFiles } from './plan-files.ts';
import type { FormatPorts } from './ports.ts';
import { releaseNotes, releasePartitions } from './release.ts';
import type { Step } from './step.ts';
import { parseComputerXml, type StoredComputer } from './stored-computer.ts';

/** Rounds of adding addresses and finding that other machines have them. */
const MAX_ROUNDS = 5;
const RESTORING_NOTE =
  'undo the move to a bridge that a run began and the configuration does not ask for any more; ' +
  'everything else comes after it';

export interface FormatInput {
  readonly options: FormatOptions;
  readonly ports: FormatPorts;
  /** Sections of the input definition file, when there is one. */
  readonly definition?: DefinitionSections | undefined;
  /** Awaited last, so that what is asked of the network is asked while the host is looked at. */
  readonly facts: Facts | Promise<Facts>;
  readonly log: Logger;
}

export interface Prepared {
  /** The computer as it will be after the steps. */
  readonly computer: Computer;
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  /** What the steps amount to where that is not plain from them: a change of prefix. */
  readonly notes: readonly string[];
  /** True when the steps only put back what a run that was cut off moved: decide again then. */
  readonly isRestoring?: boolean;
}

/** State files as text and as what they say. */
interface State {
  readonly files: StateFiles;
  readonly xml: StoredComputer | undefined;
  readonly pending: StoredComputer | undefined;
}

/**
 * Decides what to do without doing it.
 * @param duplicates Addresses that other machines answered for in this run.
 * @throws PlanError when the configuration cannot be met; the host is untouched.
 */
export async function prepare(
  input: FormatInput,
  duplicates: ReadonlySet<string> = new Set(),
): Promise<Prepared> {
  const { options, ports } = input;
  const [state, storages] = await Promise.all([readState(input), observeStorages(ports, options)]);
  const start = startingPoint(input, state);
  const release = releasePartitions(options, start, state);
  const named = withStorages(desiredComputer(options, release.stored), storages);
  const released = storing(release.partitions, storages);
  const observed = await observe(ports, options, named, released);
  const cpusets = await observeCpusets(ports, options, input.log);
  const facts = await input.facts;
  return decide(input, { state, named, released, observed, cpusets, duplicates, facts });
}

interface Decision {
  readonly state: State;
  readonly named: Computer;
  readonly released: readonly Partition[];
  readonly observed: Observed;
  readonly cpusets: FoundCpusets | undefined;
  readonly duplicates: ReadonlySet<string>;
  readonly facts: Facts;
}

function decide(input: FormatInput, decision: Decision): Prepared {
  const { options } = input;
  const { state, named, released, cpusets, duplicates, facts } = decision;
  const { machineId } = decision.observed;
  const bridge = planBridge(options, decision.observed);
  if (bridge.isRestoring) return restoring(named, bridge);
  const observed = { ...decision.observed, network: bridge.network };
  const recorded = [state.xml, state.pending].filter((one) => one !== undefined);
  const allocation = allocate(named, {
    options,
    network: new NetworkView(observed.network),
    recorded,
    machineId,
    duplicates,
  });
  const computer = withFacts(allocation.computer, facts);
  const planned = plan({
    options,
    computer,
    observed,
    recorded,
    files: state.files,
    released,
    bridge,
    cpusets,
  });
  return {
    computer,
    steps: planned.steps,
    warnings: [...bridge.warnings, ...allocation.warnings, ...planned.warnings],
    notes: [
      ...releaseNotes(released),
      ...renumberingNotes(recorded[0], computer, allocation.renumbered),
    ],
  };
}

/** Everything else is decided when the network is as it was. */
function restoring(computer: Computer, { create }: BridgePlan): Prepared {
  return { computer, steps: create, warnings: [], notes: [RESTORING_NOTE], isRestoring: true };
}

async function readState({ ports, options, log }: FormatInput): Promise<State> {
  const files = await readStateFiles(ports, options);
  const isDefined = options.inputDefinitionFile !== null;
  return {
    files,
    xml:
      files.xml === null || isDefined
        ? undefined
        : parseComputerXml(files.xml, options.computerXml),
    pending: readPending(files, options, log),
  };
}

/** A journal that cannot be read is from another program or time: it is not worth failing for. */
function readPending(
  { pending }: StateFiles,
  options: FormatOptions,
  log: Logger,
): StoredComputer | undefined {
  if (pending === null) return undefined;
  const path = pendingPath(options.computerXml);
  try {
    return parseComputerXml(pending, path);
  } catch {
    log.warning(`${path} cannot be understood, ignoring it.`);
    return undefined;
  }
}

/** Definition file, else what a run that was cut off was about to make, else the last state. */
function startingPoint(input: FormatInput, { xml, pending }: State): StoredComputer | undefined {
  const { options, definition } = input;
  const { inputDefinitionFile: path, partitionAmount } = options;
  if (definition !== undefined && path !== null) {
    return parseDefinition(definition, partitionAmount, path);
  }
  const isOlder = (xml?.partitions.length ?? 0) > partitionAmount;
  if (pending === undefined || isOlder) return xml;
  // A release that was cut off and is not wanted any more: the state still has its partitions.
  const unreleased = xml?.partitions.slice(pending.partitions.length) ?? [];
  const partitions = [...pending.partitions, ...unreleased].slice(0, partitionAmount);
  if (xml !== undefined) return { ...pending, partitions };
  // No run was ever completed: the configuration may have been corrected since.
  return { ...pending, partitions, softwareUser: null, softwareRoot: null, instanceRoot: null };
}

function withStorages(computer: Computer, storages: readonly string[]): Computer {
  return { ...computer, partitions: storing(computer.partitions, storages) };
}

function storing(partitions: readonly Partition[], storages: readonly string[]): Partition[] {
  return partitions.map((partition) => ({
    ...partition,
    externalStorages: externalStorages(storages, partition.reference),
  }));
}

function withFacts(computer: Computer, facts: Facts): Computer {
  return {
    ...computer,
    osType: facts.osType,
    slaposVersion: facts.slaposVersion,
    pythonVersion: computer.pythonVersion ?? facts.pythonVersion,
    publicIpv4Address: facts.publicIpv4Address ?? computer.publicIpv4Address,
  };
}

/**
 * Makes the host what it shall be and returns the computer as it then is.
 * @throws SlaposError when steps failed: says which partitions are usable all the same.
 */
export async function formatComputer(
  input: FormatInput,
  hooks: ApplyHooks & { readonly onPlan: (prepared: Prepared) => void },
): Promise<Computer> {
  const duplicates = new Set<string>();
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const prepared = await prepare(input, duplicates);
    hooks.onPlan(prepared);
    const outcome = await apply(prepared.steps, prepared.computer, input.ports, hooks);
    if (outcome.duplicates.length === 0) {
      refuseLostUplink(outcome);
      if (outcome.failures.length > 0) throw incompleteError(prepared.computer, outcome);
      if (prepared.isRestoring === true) continue;
      return prepared.computer;
    }
    for (const address of outcome.duplicates) duplicates.add(address);
  }
  throw new HostError(
    'SLAPOS_ERR_NETLINK',
    `Other machines still use the addresses given in round ${MAX_ROUNDS}: ${[...duplicates].join(', ')}.`,
    {},
    { hint: 'Check that no other host uses the same IPv6 prefix on this link.' },
  );
}

/** The host is as it was then: what that means for partitions has not changed. */
function refuseLostUplink({ failures }: Leftover): void {
  const lost = failures.find(({ step }) => step.kind === 'uplinkMove');
  if (lost !== undefined) throw lost.error;
}
