/**
 * Requests of nodes and clients as they go over the wire; `test/integration/proxy/simulated-node.test.ts`
 * holds them against what real commands send.
 */
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import { encodeForm } from '../../src/slap/master-url.ts';

export interface Call {
  /** What it is called in the figures. */
  readonly kind: string;
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface PartitionName {
  readonly computer: string;
  readonly partition: string;
}

export interface WantedInstance {
  readonly computer: string;
  readonly title: string;
  readonly release: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Null where the client says none, which keeps that of an instance that is there. */
  readonly state: 'started' | 'stopped' | 'destroyed' | null;
}

const AGENT = 'slapos-node (compatible; slapos.core/1.24.0)';
const FORM = 'application/x-www-form-urlencoded';

/** The bytes of a call. @param host with its port */
export function renderCall({ method, path, headers = {}, body }: Call, host: string): Buffer {
  const fields = {
    host,
    connection: 'keep-alive',
    accept: '*/*',
    'user-agent': AGENT,
    ...(body === undefined ? {} : { 'content-type': FORM }),
    ...headers,
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
}

function get(kind: string, path: string, headers?: Readonly<Record<string, string>>): Call {
  return { kind, method: 'GET', path, ...(headers === undefined ? {} : { headers }) };
}

function post(kind: string, name: string, fields: Readonly<Record<string, string>>): Call {
  return { kind, method: 'POST', path: `/${name}`, body: encodeForm(fields) };
}

/** @param xml the marshalled computer */
export function formatCall(xml: string): Call {
  return post('format', 'loadComputerConfigurationFromXML', { xml });
}

/** The document of a computer. @param tag entity tag of the one that the node has */
export function documentCall(computer: string, tag: string | undefined): Call {
  const path = `/getFullComputerInformation?computer_id=${encodeURIComponent(computer)}`;
  return get('document', path, tag === undefined ? undefined : { 'if-none-match': tag });
}

export function startedCall({ computer, partition }: PartitionName): Call {
  return partitionCall('report of a state', 'startedComputerPartition', computer, partition);
}

export function stoppedCall({ computer, partition }: PartitionName): Call {
  return partitionCall('report of a state', 'stoppedComputerPartition', computer, partition);
}

export function destroyedCall({ computer, partition }: PartitionName): Call {
  return partitionCall('report of an end', 'destroyedComputerPartition', computer, partition);
}

/** What a promise that fails has the node say in every pass. */
export function errorCall({ computer, partition }: PartitionName, log: string): Call {
  const more = { error_log: log };
  return partitionCall('report of an error', 'softwareInstanceError', computer, partition, more);
}

export function relatedCall({ computer, partition }: PartitionName, names: string[]): Call {
  const more = { instance_reference_xml: encodeMarshal(names) };
  const path = 'updateComputerPartitionRelatedInstanceList';
  return partitionCall('related instances', path, computer, partition, more);
}

export function bangCall({ computer, partition }: PartitionName, message: string): Call {
  return partitionCall('bang', 'softwareInstanceBang', computer, partition, { message });
}

/** What recipes say while an instance is built. */
export function publishCall(
  { computer, partition }: PartitionName,
  connection: Readonly<Record<string, string>>,
): Call {
  const more = { connection_xml: encodeMarshal(connection), slave_reference: 'None' };
  return partitionCall(
    'connection parameters',
    'setComputerPartitionConnectionXml',
    computer,
    partition,
    more,
  );
}

/** What recipes ask for first. */
export function ownPartitionCall({ computer, partition }: PartitionName): Call {
  const query = `computer_reference=${encodeURIComponent(computer)}&computer_partition_reference=${encodeURIComponent(partition)}`;
  return get('own partition', `/registerComputerPartition?${query}`);
}

function partitionCall(
  kind: string,
  path: string,
  computer: string,
  partition: string,
  more: Readonly<Record<string, string>> = {},
): Call {
  return post(kind, path, { computer_id: computer, computer_partition_id: partition, ...more });
}

export function buildingCall(computer: string, url: string): Call {
  return post('report of software', 'buildingSoftwareRelease', { url, computer_id: computer });
}

export function availableCall(computer: string, url: string): Call {
  return post('report of software', 'availableSoftwareRelease', { url, computer_id: computer });
}

export function usageCall(computer: string, usage: string): Call {
  return post('usage', 'useComputer', { computer_id: computer, use_string: usage });
}

export function supplyCall(computer: string, url: string): Call {
  return post('supply', 'supplySupply', { url, computer_id: computer, state: 'available' });
}

/** @param kind tells a new instance from one that is asked for again */
export function requestCall(kind: string, wanted: WantedInstance): Call {
  const marshalled = (value: MarshalValue): string => encodeMarshal(value);
  return post(kind, 'requestComputerPartition', {
    software_release: wanted.release,
    software_type: 'default',
    partition_reference: wanted.title,
    partition_parameter_xml: marshalled(wanted.parameters),
    filter_xml: marshalled({ computer_guid: wanted.computer }),
    state: marshalled(wanted.state),
    shared_xml: marshalled(false),
  });
}

/** What `slapos service info TITLE` asks one after another. */
export function serviceInfoCalls(title: string): readonly Call[] {
  const name = encodeURIComponent(title);
  const query = `portal_type%3A%22Instance%20Tree%22%20AND%20validation_state%3Avalidated%20AND%20title%3A%3D%22${name}%22`;
  const search = `/hateoas/?mode=search&query=${query}&select_list=title,reference,relative_url`;
  const target = encodeURIComponent(`/hateoas/partitions/${name}`);
  const fresh = { 'cache-control': 'no-cache' };
  const paths = [
    '/hateoas/',
    search,
    `/hateoas/?mode=traverse&relative_url=${target}&view=slaposjs_view`,
    `/hateoas/partitions/${name}`,
  ];
  const address = get('service info', '/getHateoasUrl');
  return [address, ...paths.map((path) => get('service info', path, fresh))];
}
