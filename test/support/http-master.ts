/**
 * A Master over HTTP for the real command line: answers from what a test wants of each partition,
 * remembers every call and fails where it is told to. What it heard becomes the access status of the
 * partition, as on a real Master.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { MarshalObject, MarshalTuple, type MarshalValue } from '../../src/slap/marshal-value.ts';

/**
 * How an answer goes wrong: a status, no answer at all, or one that means nothing; `lost` is one that
 * the Master gave and nobody got, `half` one that broke off, `late` comes whole after a while.
 */
export type Fault =
  | '500'
  | '503'
  | '404'
  | '400'
  | 'cut'
  | 'silence'
  | 'garbage'
  | 'lost'
  | 'half'
  | 'late';

const LATE_MS = 300;

export interface MasterCall {
  readonly name: string;
  /** undefined for calls about the computer. */
  readonly partitionId: string | undefined;
  readonly fields: URLSearchParams;
}

/** What is wanted of a partition; undefined fields for one that nobody uses. */
export interface Wish {
  readonly state: string;
  readonly release: string | undefined;
  readonly timestamp: string;
  /** More attributes of the partition in the document. */
  readonly attributes?: Readonly<Record<string, MarshalValue>>;
}

const STATUS_OF: Readonly<Record<string, string>> = {
  startedComputerPartition: '#access Instance correctly started',
  stoppedComputerPartition: '#access Instance correctly stopped',
  softwareInstanceError: '#error while instanciating',
};
const COMPUTER = 'COMP-1';

export class HttpMaster {
  readonly calls: MasterCall[] = [];
  /** Those whose answer was given whole. */
  readonly answered: MasterCall[] = [];
  readonly wishes = new Map<string, Wish>();
  readonly accessStatus = new Map<string, string>();
  releases: readonly string[] = [];
  /** Addresses of the other partitions of every instance tree. */
  peers: readonly string[] = [];
  /** Of the computer's document: with one, a node keeps it. */
  entityTag: string | undefined;
  /** Decides about each call; undefined: it is answered. */
  fault: (call: MasterCall) => Fault | undefined = () => undefined;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Names of the calls about a partition, in their order. */
  callsOf(partitionId: string): readonly string[] {
    return this.calls.filter((call) => call.partitionId === partitionId).map(({ name }) => name);
  }

  /** Texts of errors that were posted about a partition. */
  errorsOf(partitionId: string): readonly string[] {
    return this.calls
      .filter((call) => call.partitionId === partitionId && call.name === 'softwareInstanceError')
      .map(({ fields }) => fields.get('error_log') ?? '');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://master/');
    const fields = new URLSearchParams(
      request.method === 'POST' ? Buffer.concat(chunks).toString() : url.search,
    );
    const name = url.pathname.slice(1);
    const partitionId =
      fields.get('computer_partition_id') ?? fields.get('computer_partition_reference');
    const call = { name, partitionId: partitionId ?? undefined, fields };
    this.calls.push(call);
    const fault = this.fault(call);
    if (fault === 'late') await sleep(LATE_MS);
    else if (fault !== undefined && fault !== 'lost' && fault !== 'half')
      return misbehave(fault, request, response);
    const answer = this.#answer(call);
    if (fault === 'lost') return void request.socket.destroy();
    if (fault === 'half') return breakOff(answer ?? '', response);
    this.answered.push(call);
    if (name === 'getFullComputerInformation' && this.entityTag !== undefined) {
      response.setHeader('etag', this.entityTag);
    }
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'text/xml' });
    response.end(answer);
  }

  #answer({ name, partitionId = '', fields }: MasterCall): string | undefined {
    if (name === 'getFullComputerInformation') return encodeMarshal(this.#computer());
    if (name === 'getComputerPartitionCertificate') {
      return encodeMarshal({
        certificate: `certificate ${partitionId}`,
        key: `key ${partitionId}`,
      });
    }
    if (name === 'getHostingSubscriptionIpList') {
      return encodeMarshal(this.peers.map((address) => new MarshalTuple(['', address])));
    }
    if (name === 'loadComputerConfigurationFromXML') return '';
    if (name === 'registerComputerPartition') {
      const wish = this.wishes.get(partitionId);
      return wish === undefined ? undefined : encodeMarshal(this.#partition(partitionId, wish));
    }
    const status = STATUS_OF[name];
    if (status !== undefined) this.accessStatus.set(partitionId, status);
    if (name === 'destroyedComputerPartition') this.#free(partitionId);
    return fields.has('computer_id') && name !== 'getHateoasUrl' ? '' : undefined;
  }

  #free(partitionId: string): void {
    this.accessStatus.delete(partitionId);
    this.wishes.set(partitionId, { state: 'destroyed', release: undefined, timestamp: '' });
  }

  #computer(): MarshalObject {
    const partitions = [...this.wishes].map(([id, wish]) => this.#partition(id, wish));
    return new MarshalObject('Computer', [COMPUTER], {
      _computer_id: COMPUTER,
      _computer_partition_list: partitions,
      _software_release_list: this.releases.map((url) => release(url)),
    });
  }

  #partition(id: string, wish: Wish): MarshalObject {
    const status = this.accessStatus.get(id);
    const isFree = wish.release === undefined;
    return new MarshalObject('ComputerPartition', [COMPUTER, id, null], {
      _computer_id: COMPUTER,
      _partition_id: id,
      _request_dict: null,
      _requested_state: wish.state,
      _need_modification: isFree ? 0 : 1,
      _software_release_document: wish.release === undefined ? null : release(wish.release),
      ...(isFree ? {} : { _parameter_dict: { timestamp: wish.timestamp, secret: `for ${id}` } }),
      ...(status === undefined ? {} : { _access_status: status }),
      ...wish.attributes,
    });
  }
}

function release(url: string): MarshalObject {
  return new MarshalObject('SoftwareRelease', [url, COMPUTER], {
    _software_release: url,
    _computer_guid: COMPUTER,
    _software_instance_list: [],
    _requested_state: 'available',
  });
}

function breakOff(answer: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/xml', 'content-length': answer.length + 1 });
  response.write(answer.slice(0, answer.length / 2), () => response.destroy());
}

function misbehave(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
  if (fault === 'silence') return;
  if (fault === 'cut') return void request.socket.destroy();
  if (fault === 'garbage') return void response.writeHead(200).end('<html>maintenance</html>');
  response.writeHead(Number(fault)).end('out of order');
}
