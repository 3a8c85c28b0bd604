/** Requests that another SlapOS Master fulfils (spec/proxy.md 7.4). */
import type { LookupAddress } from 'node:dns';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import { printableName } from '../log/printable.ts';
import { openSlapConnection, type SlapConnection } from '../slap/connection.ts';
import { encodeMarshal } from '../slap/marshal.ts';
import { MarshalObject } from '../slap/marshal-value.ts';
import { decodeMarshal } from '../slap/unmarshal.ts';
import { parseAddress } from './address-class.ts';
import { badGateway, notFound, notReady } from './http-problem.ts';
import { isListeningOn, leadsTo } from './own-address.ts';
import { filterText, type Requester, type WantedInstance } from './request-form.ts';
import type { ProxyStore } from './store.ts';
import { atMost, resolveName } from './web/http-gate.ts';

/** How long the look-up of a name that may be ours takes at most. */
const LOOKUP_TIMEOUT_MS = 2000;
const MAX_LOOKUPS = 2;
const HTTP_PORT = 80;

/** A section `[multimaster/URL]`. */
export interface ExternalMaster {
  /** As in the name of the section: a slash at the end matters. */
  readonly url: string;
  readonly keyFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly isTlsVerified?: boolean | undefined;
  /** Software releases that are always asked of it. */
  readonly softwareReleases: readonly string[];
  /** The partition there in whose name it is asked; a user asks when there is none. */
  readonly computerId?: string | undefined;
  readonly partitionId?: string | undefined;
}

export class ExternalMasters {
  readonly #masters: ReadonlyMap<string, ExternalMaster>;
  readonly #runId: string;
  readonly #log: Logger;
  readonly #lookup = atMost(MAX_LOOKUPS, resolveName);
  readonly #connections = new Map<string, SlapConnection>();

  constructor(masters: readonly ExternalMaster[], runId: string, log: Logger) {
    this.#masters = new Map(masters.map((master) => [master.url, master]));
    this.#runId = runId;
    this.#log = log;
  }

  /** Whether a request may be for another Master at all. */
  isConcerned(wanted: WantedInstance): boolean {
    return this.#masters.size > 0 || filterText(wanted, 'master_url') !== null;
  }

  /**
   * The Master that a request is for, null when it is this one.
   * @throws HttpProblem 404 for one that is not configured, or not well enough.
   */
  async choose(wanted: WantedInstance, ownUrls: readonly string[]): Promise<ExternalMaster | null> {
    const url = filterText(wanted, 'master_url');
    if (url !== null && !(await this.#isOurs(url, ownUrls))) return this.#expect(url);
    for (const master of this.#masters.values()) {
      if (master.softwareReleases.includes(wanted.softwareRelease)) return this.#expect(master.url);
    }
    return null;
  }

  #expect(url: string): ExternalMaster {
    const master = this.#masters.get(url);
    if (master === undefined) {
      throw notFound(`External SlapOS Master URL ${url} is not listed in multimaster list.`);
    }
    const hasCertificate = master.keyFile !== undefined && master.certFile !== undefined;
    if (url.startsWith('https') && !hasCertificate) {
      throw notFound(`External master ${url} configuration did not specify key or certificate.`);
    }
    return master;
  }

  /**
   * One of our addresses, however it is spelled. Whoever may request names the address: nothing is
   * sent there, and no name is looked up but with a port of ours.
   */
  async #isOurs(url: string, ownUrls: readonly string[]): Promise<boolean> {
    if (ownUrls.includes(url.replace(/(?<!\/)\/*$/, '/'))) return true;
    if (!URL.canParse(url)) return false;
    const { protocol, hostname, port, pathname } = new URL(url);
    if (protocol !== 'http:' || !/^\/*$/.test(pathname)) return false;
    const ownPort = port === '' ? HTTP_PORT : Number(port);
    if (!isListeningOn(this.#runId, ownPort)) return false;
    const addresses = await this.#resolve(hostname.replace(/^\[(.*)\]$/, '$1'));
    const values = addresses.map(({ address }) => parseAddress(address));
    return values.some((value) => value !== null && leadsTo(this.#runId, value, ownPort));
  }

  /** Empty for a name that has no address in time. */
  async #resolve(host: string): Promise<readonly LookupAddress[]> {
    const late = new AbortController();
    const none = delay(LOOKUP_TIMEOUT_MS, [], { ref: false, signal: late.signal });
    try {
      return await Promise.race([this.#lookup(host), none]);
    } catch {
      return [];
    } finally {
      none.catch(() => undefined);
      late.abort();
    }
  }

  /**
   * Asks the Master and keeps a note of it.
   * @throws HttpProblem 404 or 408 as the Master says, 502 when it cannot be asked.
   */
  async forward(
    master: ExternalMaster,
    wanted: WantedInstance,
    { requesterId }: Requester,
    store: ProxyStore,
  ): Promise<MarshalObject> {
    const title = `${requesterId}_${wanted.title}`;
    const named = printableName(`${title} (state=${wanted.state})`);
    this.#log.info(`Forwarding request of ${named} to ${master.url}`, {
      event: 'proxy.request_forwarded',
      master: master.url,
    });
    const answer = await this.#ask(master, renderFields(master, wanted, title));
    await store.write((tables) =>
      wanted.state === 'destroyed'
        ? tables.deleteForwarded(title, master.url)
        : tables.putForwarded(title, master.url),
    );
    return renderForwarded(answer, master.url, wanted.softwareRelease);
  }

  async #ask(
    master: ExternalMaster,
    fields: Readonly<Record<string, string>>,
  ): Promise<MarshalObject> {
    try {
      const { body } = await this.#connection(master).post('requestComputerPartition', fields);
      const answer = decodeMarshal(body, `The answer of ${master.url}`);
      if (answer instanceof MarshalObject) return answer;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'SLAPOS_ERR_MASTER_NOT_READY') throw notReady('Resource not ready');
      const reason = `External master ${master.url}: ${errorMessage(error)}`;
      if (code === 'SLAPOS_ERR_MASTER_NOT_FOUND') throw notFound(reason);
      throw badGateway(reason);
    }
    throw badGateway(`External master ${master.url} does not answer with an instance.`);
  }

  #connection(master: ExternalMaster): SlapConnection {
    const known = this.#connections.get(master.url);
    if (known !== undefined) return known;
    const connection = openSlapConnection({ ...master, masterUrl: master.url });
    this.#connections.set(master.url, connection);
    return connection;
  }

  /** Gives up what is being asked. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => connection.abort()));
  }
}

function renderFields(
  { computerId, partitionId }: ExternalMaster,
  wanted: WantedInstance,
  title: string,
): Record<string, string> {
  const isPartition = computerId !== undefined && partitionId !== undefined;
  const filter = isPartition ? wanted.filter : { ...wanted.filter, source_instance_id: title };
  return {
    software_release: wanted.softwareRelease,
    software_type: wanted.softwareType,
    partition_reference: title,
    partition_parameter_xml: encodeMarshal(wanted.parameters),
    filter_xml: encodeMarshal(filter),
    state: encodeMarshal(wanted.state),
    shared_xml: encodeMarshal(wanted.isShared),
    ...(isPartition ? { computer_id: computerId, computer_partition_id: partitionId } : {}),
  };
}

/** What the Master told of the instance, as its partition. */
function renderForwarded(answer: MarshalObject, url: string, software: string): MarshalObject {
  const { attributes } = answer;
  const computerId = attributes['slap_computer_id'] ?? null;
  const partitionId = attributes['slap_computer_partition_id'] ?? null;
  return new MarshalObject('ComputerPartition', [computerId, partitionId, null], {
    ...attributes,
    _computer_id: computerId,
    _connection_helper: null,
    _hateoas_navigator: null,
    _master_url: url,
    _partition_id: partitionId,
    _request_dict: null,
    _software_release_document: software,
  });
}
