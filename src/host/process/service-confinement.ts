/** How the keeper is asked to confine and limit a service (docs/keeper-protocol.md, `spawn`). */

/** What a service may not do although its user could. */
export interface ServiceConfinement {
  readonly isNoNewPrivs: true;
  /** Refuse the system calls that no service needs. */
  readonly isCallFiltered: boolean;
  /** Folders beneath which files may be changed; undefined: wherever the user may. */
  readonly writable: readonly string[] | undefined;
  /** Trees that cannot be written. */
  readonly readOnly: readonly string[];
  /** Folder to see as `/tmp` and `/var/tmp`. */
  readonly privateTmp: string | undefined;
}

/** Limits of the cgroup of the service's group, as its files take them. */
export interface CgroupLimits {
  readonly memoryMax: string;
  readonly cpuMax: string;
  readonly pidsMax: string;
}

/** Fields of a `spawn` or `limit` message. */
export function encodeCgroup(limits: CgroupLimits | undefined): Array<[string, string]> {
  if (limits === undefined) return [];
  return [
    ['memory-max', limits.memoryMax],
    ['cpu-max', limits.cpuMax],
    ['pids-max', limits.pidsMax],
  ];
}

/** Fields of a `spawn` message. */
export function encodeConfinement(
  confinement: ServiceConfinement | undefined,
): Array<[string, string]> {
  if (confinement === undefined) return [];
  const { isCallFiltered, privateTmp, readOnly, writable = [] } = confinement;
  return [
    ...writable.map((path): [string, string] => ['writable', path]),
    ...readOnly.map((path): [string, string] => ['read-only', path]),
    ...(privateTmp === undefined ? [] : [['private-tmp', privateTmp] as [string, string]]),
    ...(isCallFiltered ? [['seccomp', '1'] as [string, string]] : []),
  ];
}
