/** Answers of the JSON-RPC API, checked before anybody relies on them. Pure. */
import type { RpcMethodName } from './json-rpc-methods.ts';
import { isJsonObject, type JsonValue } from './json-value.ts';

type Kind = 'text' | 'number' | 'boolean' | 'object' | 'list' | 'pairs';
type Shape = Readonly<Record<string, Kind>>;

const SUCCESS: Shape = { title: 'text' };
const CERTIFICATE: Shape = { key: 'text', certificate: 'text' };
const INSTANCE: Shape = {
  title: 'text',
  instance_guid: 'text',
  software_release_uri: 'text',
  software_type: 'text',
  state: 'text',
  connection_parameters: 'object',
  parameters: 'object',
  shared: 'boolean',
  root_instance_title: 'text',
  ip_list: 'pairs',
  full_ip_list: 'list',
  sla_parameters: 'object',
  computer_guid: 'text',
  compute_partition_id: 'text',
  processing_timestamp: 'number',
  access_status_message: 'text',
};

/** What an object that a method answers with must have; of lists, each of their items. */
const SHAPES: Readonly<Record<RpcMethodName, Shape | readonly [Shape]>> = {
  'slapos.post.v0.software_instance': INSTANCE,
  'slapos.get.v0.software_instance': INSTANCE,
  'slapos.get.v0.compute_partition': INSTANCE,
  'slapos.get.v0.instance_tree': INSTANCE,
  'slapos.allDocs.v0.instance_tree_list': [{ title: 'text' }],
  'slapos.allDocs.v0.compute_node_instance_list': [
    {
      title: 'text',
      instance_guid: 'text',
      state: 'text',
      compute_partition_id: 'text',
      software_release_uri: 'text',
    },
  ],
  'slapos.allDocs.v0.instance_node_instance_list': [
    { title: 'text', instance_guid: 'text', software_type: 'text', parameters: 'object' },
  ],
  'slapos.allDocs.v0.compute_node_software_installation_list': [
    { software_release_uri: 'text', state: 'text' },
  ],
  'slapos.post.v0.software_installation': SUCCESS,
  'slapos.put.v0.software_installation_reported_state': SUCCESS,
  'slapos.put.v0.software_installation_error': SUCCESS,
  'slapos.put.v0.software_instance_reported_state': SUCCESS,
  'slapos.put.v0.software_instance_error': SUCCESS,
  'slapos.put.v0.software_instance_bang': SUCCESS,
  'slapos.put.v0.software_instance_title': SUCCESS,
  'slapos.put.v0.software_instance_connection_parameter': SUCCESS,
  'slapos.get.v0.software_instance_certificate': CERTIFICATE,
  'slapos.put.v0.compute_node_format': SUCCESS,
  'slapos.put.v0.compute_node_bang': SUCCESS,
  'slapos.get.v0.compute_node_status': { text: 'text' },
  'slapos.post.v0.compute_node_usage': SUCCESS,
  'slapos.post.v0.compute_node_certificate': CERTIFICATE,
  'slapos.remove.v0.compute_node_certificate': SUCCESS,
  'slapos.get.v0.hateoas_url': { hateoas_url: 'text' },
};

export const RPC_METHOD_NAMES = Object.keys(SHAPES) as readonly RpcMethodName[];

/** Where an answer is not what its method gives, or undefined when it is. */
export function findMisshape(method: RpcMethodName, answer: JsonValue): string | undefined {
  const shape = SHAPES[method];
  if (!isList(shape)) return misshapeOf(answer, shape, 'the answer');
  const list = isJsonObject(answer) ? answer['result_list'] : undefined;
  if (!Array.isArray(list)) return 'result_list is no list';
  for (const [index, item] of list.entries()) {
    const found = misshapeOf(item, shape[0], `result_list[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isList(shape: Shape | readonly [Shape]): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function misshapeOf(value: JsonValue, shape: Shape, what: string): string | undefined {
  if (!isJsonObject(value)) return `${what} is no object`;
  const wrong = Object.entries(shape).find(([name, kind]) => !isOfKind(value[name], kind));
  return wrong === undefined ? undefined : `${wrong[0]} of ${what} is no ${wrong[1]}`;
}

function isOfKind(value: JsonValue | undefined, kind: Kind): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'object') return isJsonObject(value);
  if (kind === 'list') return Array.isArray(value);
  if (kind === 'pairs') return Array.isArray(value) && value.every(isPair);
  return typeof value === kind;
}

function isPair(value: JsonValue): boolean {
  const isTwo = Array.isArray(value) && value.length === 2;
  return isTwo && value.every((part) => typeof part === 'string');
}
