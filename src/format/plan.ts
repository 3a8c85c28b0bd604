/**
 * The difference between the computer as it shall be and the host as it is, as steps in the order
 * in which they are taken. Pure and synchronous; a plan for a host that is as desired is empty.
 */
import type { FileStatus, NetworkState } from '../host/host.ts';
import type { Computer, Partition } from '../model/computer.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import type { FoundAccounts } from './id-pool.ts';
import { type FoundCpusets, planCpusets } from './managers.ts';
import { networkAfter } from './network-after.ts';
import { NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import { planAccounts } from './plan-accounts.ts';
import type { BridgePlan, FoundUplink } from './plan-bridge.ts';
import { planDevices } from './plan-devices.ts';
import { planDirectories } from './plan-directories.ts';
import { planResourceFiles, planStateFiles, type StateFiles } from './plan-files.ts';
import { planNetwork } from './plan-network.ts';
import { planUdevRule, type UdevState } from './plan-udev.ts';
import { type FoundFolder, planRegroup, planRelease } from './release.ts';
import type { Step } from './step.ts';

/** The host as it was found: one netlink dump, one read of the account files, folder by folder. */
export interface Observed {
  readonly network: NetworkState;
  readonly accounts: FoundAccounts;
  /** Status of every path of interest that exists. */
  readonly paths: ReadonlyMap<string, FileStatus>;
  /** Content of each `.slapos-resource` that exists. */
  readonly texts: ReadonlyMap<string, string>;
  /** Paths where a link or folder stands instead of a `.slapos-resource`. */
  readonly obstacles: ReadonlySet<string>;
  /** net.ipv6.ip_nonlocal_bind; undefined without IPv6. */
  readonly nonlocalBind: string | undefined;
  readonly machineId: string;
  /** Folders of partitions to release that exist. */
  readonly folders: ReadonlyMap<string, FoundFolder>;
  readonly udev: UdevState;
  readonly uplink: FoundUplink;
}

export interface PlanInput {
  readonly options: FormatOptions;
  readonly computer: Computer;
  readonly observed: Observed;
  readonly recorded: readonly RecordedAddresses[];
  readonly files: StateFiles;
  /** Partitions to take away, last first. */
  readonly released: readonly Partition[];
  readonly bridge: BridgePlan;
  readonly cpusets: FoundCpusets | undefined;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** @throws PlanError when something in the way cannot be changed; nothing is touched. */
export function plan(input: PlanInput): Plan {
  const { computer, observed, options } = input;
  const before = new NetworkView(observed.network);
  const released = planRelease({ ...input, ...observed, network: before });
  const network = new NetworkView(networkAfter(observed.network, released));
  const accounts = planAccounts(computer, observed.accounts, options);
  const directories = planDirectories(computer, observed.paths, accounts, options);
  const devices = planDevices(computer, network, accounts, options, input.recorded);
  const newDevices = devices.steps.filter(({ kind }) => kind === 'deviceCreate').length;
  const udev = planUdevRule(options, observed.udev, newDevices);
  const changes = [
    ...udev.steps,
    ...planRegroup(before, input.released),
    ...released,
    ...accounts.steps,
    ...directories,
    ...planCpusets(input.cpusets),
    ...input.bridge.create,
    ...devices.steps,
    ...planNetwork({ ...input, network }),
    ...input.bridge.up,
    ...planResourceFiles(computer, observed),
  ];
  const steps = planStateFiles(computer, changes, input.files, options);
  return { steps, warnings: [...accounts.warnings, ...devices.warnings, ...udev.hints] };
}
