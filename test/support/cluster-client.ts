/**
 * A client of a cluster of proxies, and what it was told: it requests, changes and destroys
 * instances that are its own, through any proxy, and asks again where a connection breaks or the
 * answer is a 5xx, as clients of SlapOS do.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalObject } from '../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { postForm, requestFields } from './proxy-fixture.ts';
import type { Place } from './proxy-model.ts';

export type Texts = Readonly<Record<string, string>>;

export const SOFTWARE = 'https://example.com/owned.cfg';
export const HOST_SOFTWARE = 'https://example.com/host.cfg';
/** How long a proxy and its database may be away. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 30;

/** What a client was told last about an instance. */
export interface Told {
  readonly place: Place;
  readonly state: string;
  readonly parameters: Texts;
  readonly connection: Texts;
  readonly timestamp: number;
}

export interface ClientOptions {
  readonly id: number;
  readonly computer: string;
  /** Addresses of the proxies, ending with a slash. */
  readonly urls: readonly string[];
  /** What is done. */
  readonly random: () => number;
  /** Through which proxy, each time anew. */
  readonly route: () => number;
  /** Instances that every client requests, with the same words. */
  readonly hotTitles: readonly string[];
}

export class ClusterClient {
  readonly computer: string;
  /** Acknowledged and not given back. */
  readonly instances = new Map<string, Told>();
  /** Parameters of shared instances by reference. */
  readonly slaves = new Map<string, Texts>();
  /** Places of the instances of all. */
  readonly hot = new Map<string, Place>();
  /** Told to be empty, without a clear answer. */
  readonly unclear = new Set<string>();
  readonly problems: string[] = [];
  acknowledged = 0;
  lost = 0;
  readonly #options: ClientOptions;
  readonly #titles: readonly string[];
  #count = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.computer = options.computer;
    this.#titles = ['a', 'b', 'c'].map((name) => `c${options.id}-${name}`);
  }

  /** One thing after another until it is over. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#act();
  }

  /** Says again that partitions are empty of which it is not clear; nobody else may be asking. */
  async clear(): Promise<void> {
    for (const title of [...this.unclear]) {
      this.unclear.delete(title);
      await this.#destroy(title);
      await this.#empty(title);
    }
  }

  /** Posts until there is an answer that is none of trouble. */
  async post(path: string, fields: Texts) {
    const untilMs = performance.now() + PATIENCE_MS;
    for (let attempt = 1; ; attempt += 1) {
      const url = this.#pickProxy();
      const answer = await postForm(url + path, { ...fields }).catch(() => undefined);
      if (answer !== undefined && answer.status < 500) {
        this.acknowledged += 1;
        return { ...answer, attempt };
      }
      this.lost += 1;
      if (performance.now() > untilMs) throw new Error(`${path}: no answer for a minute`);
      await delay(RETRY_MS);
    }
  }

  #pickProxy(): string {
    const { urls, route } = this.#options;
    return urls[Math.floor(route() * urls.length)] ?? '';
  }

  #draw<T>(list: readonly T[]): T {
    return list[Math.floor(this.#options.random() * list.length)] as T;
  }

  async #act(): Promise<void> {
    const dice = this.#options.random();
    const title = this.#draw(this.#titles);
    if (dice < 0.12) return this.#requestHot(this.#draw(this.#options.hotTitles));
    if (dice < 0.3) return this.#share(`s${title}`, dice < 0.17 ? 'destroyed' : 'started');
    if (this.unclear.has(title)) return;
    const told = this.instances.get(title);
    if (told?.state === 'destroyed' && dice < 0.8) return this.#empty(title);
    if (told !== undefined && dice < 0.5) return this.#destroy(title);
    if (told !== undefined && dice < 0.65) return this.#publish(title, told);
    return this.#request(title, dice < 0.9 ? 'started' : 'stopped');
  }

  async #request(title: string, state: string): Promise<void> {
    const isSame = this.#options.random() < 0.2;
    const former = this.instances.get(title);
    if (!isSame) this.#count += 1;
    const parameters = isSame && former ? former.parameters : { v: String(this.#count) };
    const told = await this.#ask(title, { state, partition_parameter_xml: parameters });
    if (told === null) {
      if (former !== undefined) this.problems.push(`${title}: 404, but it was at ${former.place}`);
      return;
    }
    this.#compare(title, told, { state, parameters });
    this.instances.set(title, told);
  }

  async #destroy(title: string): Promise<void> {
    const former = this.instances.get(title);
    if (former === undefined) return;
    const { parameters } = former;
    const told = await this.#ask(title, {
      state: 'destroyed',
      partition_parameter_xml: parameters,
    });
    // Nothing was taken for one that is gone.
    if (told === null || told.place === '/') {
      this.instances.delete(title);
      return;
    }
    this.#compare(title, told, { state: 'destroyed', parameters });
    this.instances.set(title, told);
  }

  /**
   * As the node does. Said a second time it would free what somebody else got meanwhile: the
   * protocol has no word against that, so only the settling asks again.
   */
  async #empty(title: string): Promise<void> {
    const told = this.instances.get(title);
    if (told === undefined) return;
    const fields = located(told.place);
    const url = this.#pickProxy();
    const answer = await postForm(`${url}destroyedComputerPartition`, fields).catch(
      () => undefined,
    );
    if (answer?.status === 200 && answer.text === 'OK') {
      this.acknowledged += 1;
      this.instances.delete(title);
    } else {
      this.lost += 1;
      this.unclear.add(title);
    }
  }

  async #publish(title: string, told: Told): Promise<void> {
    const connection = { url: `http://${title}/${++this.#count}` };
    const { status } = await this.post('setComputerPartitionConnectionXml', {
      ...located(told.place),
      connection_xml: encodeMarshal(connection),
      slave_reference: 'None',
    });
    if (status === 200) this.instances.set(title, { ...told, connection });
    else this.problems.push(`${title}: ${status} for its connection`);
  }

  async #share(title: string, state: string): Promise<void> {
    const parameters = { v: String(++this.#count) };
    const { status, text } = await this.post(
      'requestComputerPartition',
      requestFields({
        partition_reference: title,
        software_release: HOST_SOFTWARE,
        shared_xml: true,
        state,
        partition_parameter_xml: parameters,
        filter_xml: { computer_guid: this.computer },
      }),
    );
    if (status !== 200) this.problems.push(`slave ${title}: ${status} ${text}`);
    else if (state === 'destroyed') this.slaves.delete(`_${title}`);
    else this.slaves.set(`_${title}`, parameters);
  }

  async #requestHot(title: string): Promise<void> {
    const told = await this.#ask(title, { partition_parameter_xml: { of: 'all' } });
    if (told !== null) this.hot.set(title, told.place);
  }

  /** Null where no partition is free. */
  async #ask(title: string, fields: Parameters<typeof requestFields>[0]): Promise<Told | null> {
    const { status, text } = await this.post(
      'requestComputerPartition',
      requestFields({
        partition_reference: title,
        software_release: SOFTWARE,
        filter_xml: { computer_guid: this.computer },
        ...fields,
      }),
    );
    if (status === 200) return parseTold(text);
    if (status !== 404) this.problems.push(`${title}: ${status} ${text.slice(0, 200)}`);
    return null;
  }

  #compare(title: string, told: Told, wanted: Pick<Told, 'state' | 'parameters'>): void {
    const former = this.instances.get(title);
    const { state, parameters, connection } = told;
    const expected = { ...wanted, connection: former?.connection ?? {} };
    if (!isSame({ state, parameters, connection }, expected)) {
      const found = JSON.stringify({ state, parameters, connection });
      this.problems.push(`${title}: told ${found} instead of ${JSON.stringify(expected)}`);
    }
    if (former === undefined) return;
    if (former.place !== told.place) {
      this.problems.push(`${title}: moved from ${former.place} to ${told.place}`);
    }
    if (told.timestamp < former.timestamp) this.problems.push(`${title}: its time went back`);
  }
}

export function located(place: Place): { computer_id: string; computer_partition_id: string } {
  const [computer_id = '', computer_partition_id = ''] = place.split('/');
  return { computer_id, computer_partition_id };
}

export function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

export function parseTold(text: string): Told {
  const { attributes } = decodeMarshal(text) as MarshalObject;
  const { timestamp = '0', ...parameters } = attributes['_parameter_dict'] as Texts;
  return {
    place: `${attributes['slap_computer_id']}/${attributes['slap_computer_partition_id']}` as Place,
    state: String(attributes['_requested_state']),
    parameters,
    connection: { ...(attributes['_connection_dict'] as Texts) },
    timestamp: Number(timestamp),
  };
}
