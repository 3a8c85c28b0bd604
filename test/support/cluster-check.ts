/** Holds what proxies answer against what clients were told. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterClient, isSame, type Texts } from './cluster-client.ts';
import type { Place } from './proxy-model.ts';
import { parseSlots } from './proxy-slots.ts';

type Slot = ReturnType<typeof parseSlots>[number] & { readonly title: string };

const PATIENCE_MS = 60_000;
const RETRY_MS = 20;

/** The documents of the computers, as one proxy gives them. */
export type Documents = readonly string[];

export async function fetchDocuments(
  url: string,
  computers: readonly string[],
): Promise<Documents> {
  return Promise.all(
    computers.map(async (computer) => {
      const query = `getFullComputerInformation?computer_id=${computer}`;
      return fetchText(url + query);
    }),
  );
}

/** A connection that was kept may be one to a proxy that was killed meanwhile. */
async function fetchText(url: string): Promise<string> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    if (response?.ok === true && text !== undefined) return text;
    if (performance.now() > untilMs) throw new Error(`${url}: ${response?.status} ${text}`);
    await delay(RETRY_MS);
  }
}

/** Proxies that answer other than the first one. */
export function compareProxies(documents: readonly Documents[]): string[] {
  return documents.flatMap((each, index) => {
    return isSame(each, documents[0]) ? [] : [`proxy ${index} gives other documents than proxy 0`];
  });
}

export class ClusterCheck {
  /** Time of each partition when it was looked at last. */
  readonly #times = new Map<Place, number>();
  readonly #partitionCount: number;
  readonly #hosts: readonly string[];

  /** @param hosts titles of the instances that serve the shared ones, one for each computer */
  constructor(partitionCount: number, hosts: readonly string[]) {
    this.#partitionCount = partitionCount;
    this.#hosts = hosts;
  }

  /** Everything in which the documents and what was told differ. */
  compare(documents: Documents, clients: readonly ClusterClient[]): string[] {
    const slots = documents
      .flatMap(parseSlots)
      .map((slot): Slot => ({ ...slot, title: slot.title ?? '' }));
    const count = documents.join('').match(/<string>_partition_id<\/string>/g)?.length ?? 0;
    return [
      ...(count === this.#partitionCount ? [] : [`${count} partitions of ${this.#partitionCount}`]),
      ...findTwice(slots.map(({ title }) => title)).map((title) => `${title} is there twice`),
      ...findTwice(slots.map(({ place }) => place)).map((place) => `${place} is there twice`),
      ...this.#compareTimes(slots),
      ...this.#compareInstances(slots, clients),
      ...this.#compareHot(slots, clients),
      ...this.#compareSlaves(slots, clients),
    ];
  }

  #compareTimes(slots: readonly Slot[]): string[] {
    return slots.flatMap(({ place, title, timestamp }) => {
      const former = this.#times.get(place) ?? 0;
      const now = Number(timestamp);
      this.#times.set(place, now);
      return now >= former ? [] : [`${title} on ${place}: its time went from ${former} to ${now}`];
    });
  }

  #compareInstances(slots: readonly Slot[], clients: readonly ClusterClient[]): string[] {
    const told = new Map(clients.flatMap((client) => [...client.instances]));
    const owned = new Map(
      slots.filter(({ title }) => title.startsWith('c')).map((slot) => [slot.title, slot]),
    );
    const extra = [...owned.values()].filter(({ title }) => !told.has(title));
    return [
      ...extra.map(({ title, place }) => `${title} is on ${place}, and nobody was told so`),
      ...[...told].flatMap(([title, { timestamp, ...wanted }]) => {
        const slot = owned.get(title);
        if (slot === undefined) return [`${title} is lost, it was on ${wanted.place}`];
        const { place, state, parameters, connection } = slot;
        const found = { place, state, parameters, connection };
        const problems = isSame(found, wanted)
          ? []
          : [`${title} is ${JSON.stringify(found)}, told ${JSON.stringify(wanted)}`];
        const isEarlier = Number(slot.timestamp) < timestamp;
        return isEarlier ? [...problems, `${title}: its time is before what was told`] : problems;
      }),
    ];
  }

  #compareHot(slots: readonly Slot[], clients: readonly ClusterClient[]): string[] {
    const told = clients.flatMap((client) => [...client.hot]);
    return told.flatMap(([title, place]) => {
      const slot = slots.find((other) => other.title === title);
      return slot?.place === place ? [] : [`${title} is on ${slot?.place}, told ${place}`];
    });
  }

  #compareSlaves(slots: readonly Slot[], clients: readonly ClusterClient[]): string[] {
    const hosts = slots.filter(({ title }) => this.#hosts.includes(title));
    const found = hosts.flatMap(({ slaves }) => slaves);
    const parametersOf = new Map<string, Texts>(
      found.map(({ reference, parameters }) => [reference, parameters]),
    );
    const told = new Map(clients.flatMap((client) => [...client.slaves]));
    return [
      ...(hosts.length === this.#hosts.length ? [] : ['a host of shared instances is lost']),
      ...findTwice(found.map(({ reference }) => reference)).map(
        (name) => `${name} is served twice`,
      ),
      ...[...parametersOf.keys()]
        .filter((name) => !told.has(name))
        .map((name) => `${name} is served, and nobody was told so`),
      ...[...told].flatMap(([name, wanted]) => {
        const served = parametersOf.get(name);
        if (isSame(served, wanted)) return [];
        return [`${name} is ${JSON.stringify(served)}, told ${JSON.stringify(wanted)}`];
      }),
    ];
  }
}

function findTwice(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
