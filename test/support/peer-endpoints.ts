/** Every endpoint of the proxy as the instance on slappart0, or somebody in its name, calls it. */
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { requestFields, SOFTWARE } from './proxy-fixture.ts';

export const COMPUTER = 'COMP-1';

/** Who gets an answer: its user alone, the user of any partition, or none of these. */
export type Allowed = 'own' | 'any' | 'none';

export interface Endpoint {
  readonly path: string;
  readonly allowed: Allowed;
  /** A form for a POST, an object for JSON-RPC, nothing for a GET. */
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: Readonly<Record<string, unknown>>;
  /** Anything else, by default with a POST. */
  readonly body?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const KEY = { computer_id: COMPUTER, computer_partition_id: 'slappart0' };
const SENDER = {
  authorization: `X-SlapPartition computer_id=${COMPUTER}, computer_partition_id=slappart0`,
};
const GUID = { instance_guid: 'front______0' };
const SUPPLY = { computer_guid: COMPUTER, software_release_uri: SOFTWARE };
const query = new URLSearchParams(KEY).toString();

function get(path: string, allowed: Allowed): Endpoint {
  return { path, allowed };
}

function post(path: string, allowed: Allowed, form: Readonly<Record<string, string>>): Endpoint {
  return { path, allowed, form };
}

function call(
  name: string,
  allowed: Allowed,
  json: Readonly<Record<string, unknown>>,
  headers = {},
): Endpoint {
  return { path: `/slapos.${name}`, allowed, json, headers };
}

const READ: readonly Endpoint[] = [
  get('/', 'any'),
  get('/getRunId', 'any'),
  get('/getHateoasUrl', 'any'),
  get('/getSoftwareReleaseListFromSoftwareProduct?software_product_reference=kvm', 'any'),
  get(`/getFullComputerInformation?computer_id=${COMPUTER}`, 'any'),
  get(`/getComputerInformation?computer_id=${COMPUTER}`, 'any'),
  get(
    `/registerComputerPartition?computer_reference=${COMPUTER}&computer_partition_reference=slappart0`,
    'own',
  ),
  get(`/getHostingSubscriptionIpList?${query}`, 'own'),
  get(`/getComputerPartitionCertificate?${query}`, 'own'),
  get(`/getComputerPartitionStatus?${query}`, 'own'),
  get('/hateoas', 'any'),
  get(
    '/hateoas?mode=search&query=portal_type%3A%22Instance+Tree%22+AND+validation_state%3Avalidated',
    'none',
  ),
  get('/hateoas?mode=traverse&relative_url=hateoas/partitions/front', 'none'),
  get('/hateoas/partitions/front', 'none'),
  get('/hateoas/computers/COMP-1', 'none'),
];

const REPORT: readonly Endpoint[] = [
  post('/startedComputerPartition', 'own', KEY),
  post('/stoppedComputerPartition', 'own', KEY),
  post('/softwareInstanceError', 'own', { ...KEY, error_log: 'no' }),
  post('/softwareInstanceBang', 'own', { ...KEY, message: 'again' }),
  post('/softwareInstanceRename', 'none', { ...KEY, new_name: 'front' }),
  post('/setComputerPartitionConnectionXml', 'own', {
    ...KEY,
    connection_xml: encodeMarshal({ url: 'http://front' }),
  }),
  post('/updateComputerPartitionRelatedInstanceList', 'own', {
    ...KEY,
    instance_reference_xml: encodeMarshal([]),
  }),
  post('/requestComputerPartition', 'own', requestFields({ ...KEY, partition_reference: 'back' })),
];

const NODE: readonly Endpoint[] = [
  post('/loadComputerConfigurationFromXML', 'none', {
    xml: encodeMarshal({ reference: 'COMP-9', address: null, netmask: null, partition_list: [] }),
  }),
  post('/supplySupply', 'none', { url: SOFTWARE, computer_id: COMPUTER, state: 'available' }),
  post('/buildingSoftwareRelease', 'none', { url: SOFTWARE, computer_id: COMPUTER }),
  post('/availableSoftwareRelease', 'none', { url: SOFTWARE, computer_id: COMPUTER }),
  post('/softwareReleaseError', 'none', {
    url: SOFTWARE,
    computer_id: COMPUTER,
    error_log: 'no',
  }),
  post('/destroyedSoftwareRelease', 'none', { url: 'https://gone', computer_id: COMPUTER }),
  post('/useComputer', 'none', { computer_id: COMPUTER, use_string: '<journal/>' }),
  post('/computerBang', 'none', { computer_id: COMPUTER, message: 'again' }),
];

const WEB: readonly Endpoint[] = [
  { path: '/shacache/cache', allowed: 'none', body: 'content' },
  { path: '/shacache/update', allowed: 'none', body: '' },
  { path: '/shacache/dir/key', allowed: 'none', body: '["{}", ""]', method: 'PUT' },
];

const RPC: readonly Endpoint[] = [
  call(
    'post.v0.software_instance',
    'own',
    { title: 'back', software_release_uri: SOFTWARE, software_type: 'default' },
    SENDER,
  ),
  call('get.v0.software_instance', 'own', GUID),
  call('get.v0.compute_partition', 'own', {
    computer_guid: COMPUTER,
    compute_partition_id: 'slappart0',
  }),
  call('get.v0.instance_tree', 'own', { title: 'front' }),
  call('get.v0.software_instance_certificate', 'own', GUID),
  call('get.v0.hateoas_url', 'any', {}),
  call('allDocs.v0.instance_node_instance_list', 'own', GUID),
  call('put.v0.software_instance_reported_state', 'own', { ...GUID, reported_state: 'started' }),
  call('put.v0.software_instance_error', 'own', { ...GUID, message: 'no' }),
  call('put.v0.software_instance_bang', 'own', { ...GUID, message: 'again' }),
  call('put.v0.software_instance_title', 'none', { ...GUID, title: 'front' }),
  call('put.v0.software_instance_connection_parameter', 'own', {
    ...GUID,
    connection_parameter_dict: { url: 'http://front' },
  }),
  call('allDocs.v0.instance_tree_list', 'none', {}),
  call('post.v0.software_installation', 'none', SUPPLY),
  call('put.v0.software_installation_reported_state', 'none', {
    ...SUPPLY,
    reported_state: 'available',
  }),
  call('put.v0.software_installation_error', 'none', { ...SUPPLY, message: 'no' }),
  call('allDocs.v0.compute_node_software_installation_list', 'none', { computer_guid: COMPUTER }),
  call('allDocs.v0.compute_node_instance_list', 'none', { computer_guid: COMPUTER }),
  call('allDocs.WIP.compute_node_list', 'none', {}),
  call('put.v0.compute_node_format', 'none', {
    computer_guid: 'COMP-9',
    compute_partition_list: [],
  }),
  call('put.v0.compute_node_bang', 'none', { computer_guid: COMPUTER, message: 'again' }),
  call('post.v0.compute_node_usage', 'none', { computer_guid: COMPUTER, tioxml: '<journal/>' }),
  call('get.v0.compute_node_status', 'none', { computer_guid: COMPUTER }),
  call('post.v0.compute_node_certificate', 'none', { computer_guid: COMPUTER }),
  call('remove.v0.compute_node_certificate', 'none', { computer_guid: COMPUTER }),
];

/** Last, since it frees the partition when it is let through. */
const DESTRUCTION: readonly Endpoint[] = [
  call('put.v0.software_instance_reported_state', 'none', {
    ...GUID,
    reported_state: 'destroyed',
  }),
  post('/destroyedComputerPartition', 'none', KEY),
];

export const ENDPOINTS: readonly Endpoint[] = [
  ...READ,
  ...REPORT,
  ...NODE,
  ...WEB,
  ...RPC,
  ...DESTRUCTION,
];

export function describeEndpoint({ json, path }: Endpoint): string {
  return json?.['reported_state'] === undefined ? path : `${path} ${json['reported_state']}`;
}

/** What `fetch`, or a request of node:http, wants for it. */
export function renderCall({ body, form, headers = {}, json, method = 'POST' }: Endpoint) {
  if (body !== undefined) return { method, headers, body };
  if (json !== undefined) {
    const type = { 'content-type': 'application/json' };
    return { method: 'POST', headers: { ...headers, ...type }, body: JSON.stringify(json) };
  }
  if (form === undefined) return { method: 'GET', headers, body: '' };
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return {
    method: 'POST',
    headers: { ...headers, ...type },
    body: new URLSearchParams(form).toString(),
  };
}
