/** What the Master's last document says is in the partitions (`grid/kept-document.ts`). */
import { KEPT_DOCUMENT, readKeptDocument } from '../grid/kept-document.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { SlapPartition } from '../slap/master.ts';
import { AVAILABLE, reasonOf, unavailable } from './availability.ts';
import type { Availability, InstanceStatus } from './model.ts';
import type { StatusSettings } from './settings.ts';

export interface AssignedInstances {
  readonly document: Availability;
  /** By reference of the partition. */
  readonly instances: ReadonlyMap<string, InstanceStatus>;
}

const NONE: ReadonlyMap<string, InstanceStatus> = new Map();

/** Reads the document again when it has changed. */
export class InstanceReader {
  readonly #host: Pick<GridHost, 'openFolder' | 'isRoot'>;
  readonly #settings: StatusSettings;
  #version = '';
  #known: AssignedInstances | undefined;

  constructor(host: Pick<GridHost, 'openFolder' | 'isRoot'>, settings: StatusSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  async read(): Promise<AssignedInstances> {
    try {
      const folder = this.#host.openFolder(this.#settings.instanceRoot);
      const status = await folder.stat(KEPT_DOCUMENT);
      const version = status === undefined ? '' : `${status.modifiedMs} ${status.sizeBytes}`;
      if (this.#known === undefined || version !== this.#version) {
        const computer = await readKeptDocument(folder, this.#settings);
        this.#known =
          computer === undefined
            ? this.#refuse(status === undefined)
            : { document: AVAILABLE, instances: indexInstances(computer.partitions) };
        this.#version = version;
      }
      return this.#known;
    } catch (error) {
      return { document: unavailable(reasonOf(error)), instances: NONE };
    }
  }

  #refuse(isMissing: boolean): AssignedInstances {
    const path = `${this.#settings.instanceRoot}/${KEPT_DOCUMENT}`;
    const reason = isMissing
      ? `The Master has told nothing yet: ${path} does not exist.`
      : this.#host.isRoot
        ? `${path} is of no use: it is not whole, of another Master or computer, or not root's alone.`
        : `Only root may read ${path}.`;
    return { document: unavailable(reason), instances: NONE };
  }
}

function indexInstances(partitions: readonly SlapPartition[]): ReadonlyMap<string, InstanceStatus> {
  const found = new Map<string, InstanceStatus>();
  for (const partition of partitions) {
    const { instanceGuid, partitionId, requestedState, softwareReleaseUrl, title } = partition;
    if (softwareReleaseUrl === null && instanceGuid === null) continue;
    const text = (name: string) => {
      const value = partition.parameters?.[name];
      return typeof value === 'string' ? value : '';
    };
    found.set(partitionId, {
      title: title ?? text('instance_title'),
      reference: instanceGuid ?? '',
      softwareUrl: softwareReleaseUrl ?? '',
      softwareType: text('slap_software_type'),
      requestedState,
    });
  }
  return found;
}
