/**
 * CPU time of the services of partitions by their cgroups (docs/cgroups.md): exact, and with what
 * came and went between two samples. `usage_usec` of `cpu.stat` is there without any controller
 * (kernel cgroup-v2.rst). It covers the processes that the supervisor started and whatever these
 * started; those of a partition's user elsewhere, such as builds, are counted one by one.
 */
import type { ProcTable } from '../../host/proc.ts';

/** What the kernel tells of cgroups; answers at once, from memory. */
export interface CgroupFacts {
  /** Folders of all cgroups with one of these names, of whoever they are. */
  listGroups(names: ReadonlySet<string>): readonly string[];
  /** Folder of the nearest cgroup above that of a process that has this name. */
  findGroup(pid: number, name: string): string | undefined;
  /** CPU seconds of all that ever ran in it; undefined when it is gone. */
  readCpuSeconds(folder: string): number | undefined;
}

export interface CgroupGrowth {
  /** CPU seconds by user, since the sample before. */
  readonly cpuS: ReadonlyMap<number, number>;
  /** Ids of the cgroups whose processes are counted herewith. */
  readonly covered: ReadonlySet<number>;
}

/** The cgroup of one partition. */
interface Group {
  readonly uid: number;
  readonly cpuS: number;
}

/** The partition's user of a process, and the folder of the group it runs in. */
interface Place {
  readonly uid: number;
  readonly folder: string | undefined;
}

export class CgroupTimes {
  readonly #facts: CgroupFacts;
  /** By folder. */
  #groups: ReadonlyMap<string, Group> = new Map();
  /** CPU seconds of what may be a group of ours, when counting began. */
  #begun: Map<string, number> | undefined;
  /** By id of the cgroup. */
  #places: ReadonlyMap<number, Place> = new Map();

  constructor(facts: CgroupFacts) {
    this.#facts = facts;
  }

  /**
   * What groups used since the call before, new ones since they were made. A group is known by a
   * process of its user: another node of the machine may use the same names.
   * @param groupOf name of the cgroup of the services of a user
   */
  add(table: ProcTable, groupOf: ReadonlyMap<number, string>): CgroupGrowth {
    this.#begun ??= this.#readBegun(new Set(groupOf.values()));
    const former = this.#groups;
    this.#places = this.#findPlaces(table, groupOf);
    this.#groups = this.#readGroups();
    const cpuS = new Map<number, number>();
    for (const [folder, { uid, cpuS: now }] of this.#groups) {
      const before = former.get(folder)?.cpuS ?? this.#begun.get(folder) ?? 0;
      // Less than before: removed and made anew meanwhile.
      cpuS.set(uid, (cpuS.get(uid) ?? 0) + (now < before ? now : now - before));
      this.#begun.delete(folder);
    }
    const isCovered = ({ folder = '' }: Place) => this.#groups.has(folder);
    const ids = [...this.#places].filter(([, place]) => isCovered(place)).map(([id]) => id);
    return { cpuS, covered: new Set(ids) };
  }

  #readBegun(names: ReadonlySet<string>): Map<string, number> {
    const folders = this.#facts.listGroups(names);
    return new Map(folders.map((folder) => [folder, this.#facts.readCpuSeconds(folder) ?? 0]));
  }

  #findPlaces(table: ProcTable, groupOf: ReadonlyMap<number, string>): Map<number, Place> {
    const places = new Map<number, Place>();
    for (let index = 0; index < table.length; index += 1) {
      const id = table.f64(index, 'cgroupId');
      const uid = table.u32(index, 'uid');
      const name = groupOf.get(uid);
      if (id === 0 || name === undefined || places.has(id)) continue;
      const known = this.#places.get(id);
      const isKnown = known?.uid === uid;
      const folder = isKnown ? known.folder : this.#facts.findGroup(table.u32(index, 'pid'), name);
      places.set(id, { uid, folder });
    }
    return places;
  }

  /** Groups without a process at the moment count too: some may have come and gone. */
  #readGroups(): Map<string, Group> {
    const users = new Map([...this.#groups].map(([folder, { uid }]) => [folder, uid]));
    for (const { uid, folder } of this.#places.values()) {
      if (folder !== undefined) users.set(folder, uid);
    }
    const groups = new Map<string, Group>();
    for (const [folder, uid] of users) {
      const cpuS = this.#facts.readCpuSeconds(folder);
      if (cpuS !== undefined) groups.set(folder, { uid, cpuS });
    }
    return groups;
  }
}
