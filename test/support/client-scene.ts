/** What the clients of a Master are run on, ours and upstream's alike: see `clients.test.ts`. */

import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import { RealNode, type Side } from './real-node.ts';

const PARTITIONS = 8;

/** Files beside the configuration, which command lines name. */
const FILES = {
  'parameters.json': '{"a": 1, "b": {"c": ["é", null, true]}}',
  'wrong.json': '{"a": "text"}',
  'parameters.yaml': 'a: 1\nb: [x, "é"]\n',
  'parameters.xml':
    '<?xml version="1.0" encoding="utf-8"?>\n<instance><parameter id="a">&lt;é</parameter></instance>\n',
  'typed.cfg': '',
  'typed.cfg.json': JSON.stringify({
    name: 'typed',
    description: 'Typed',
    serialisation: 'json-in-xml',
    'software-type': {
      default: { title: 'Default', request: 'input.json', response: 'output.json', index: 0 },
      plain: {
        title: 'Plain',
        request: 'input.json',
        response: 'output.json',
        serialisation: 'xml',
      },
    },
  }),
  'input.json': JSON.stringify({ type: 'object', properties: { a: { type: 'integer' } } }),
  'output.json': '{}',
  'script.py': `import sys
print(sys.argv, __file__)
supply('http://127.0.0.1:1/x.cfg', 'COMP-1')
instance = request('http://127.0.0.1:1/software.cfg', 'console', {'a': 'é'})
print(instance.getId(), instance.getState(), instance.getConnectionParameterDict())
print(vars(getInformation('front'))['_software_release_url'], product.kvm)
print([release.getURI() for release in slap.registerComputer('COMP-1').getSoftwareReleaseList()])
exit(7)
`,
} as const;

/** A node with free partitions whose Master is the proxy of one side, on a database of upstream's. */
export async function startClientScene(
  master: Side,
  options: { readonly folder: string; readonly port: number; readonly python: string },
): Promise<RealNode> {
  const { folder, port } = options;
  const node = new RealNode({
    ...options,
    slapos: { master_rest_url: `http://127.0.0.1:${port}/hateoas`, root_check: false },
    slapproxy: { software_product_list: '\n  kvm http://127.0.0.1:1/kvm.cfg' },
    slapformat: {
      input_definition_file: `${folder}/definition.cfg`,
      partition_amount: PARTITIONS,
      alter_user: false,
      alter_network: false,
      interface_name: '',
      ipv4_local_network: '',
    },
  });
  node.write('definition.cfg', renderDefinition());
  for (const [name, content] of Object.entries(FILES)) node.write(name, content);
  await node.startProxy('upstream');
  if (master === 'ours') {
    await node.stopProxy();
    await node.startProxy('ours');
  }
  return node;
}

function renderDefinition(): string {
  const sections = Array.from({ length: PARTITIONS }, (_, index) => {
    return `[partition_${index}]
address = 127.0.0.1/255.255.255.255 ::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
pathname = slappart${index}
user = daemon
network_interface = lo
`;
  });
  return `[computer]\n${sections.join('')}`;
}

/** As a partition publishes its connection parameters, or those of a slave of its. */
export async function publish(
  node: RealNode,
  partition: string,
  connection: MarshalValue,
  slave = 'None',
): Promise<void> {
  const { status } = await fetch(`${node.masterUrl}setComputerPartitionConnectionXml`, {
    method: 'POST',
    body: new URLSearchParams({
      computer_id: 'COMP-1',
      computer_partition_id: partition,
      connection_xml: encodeMarshal(connection),
      slave_reference: slave,
    }),
  });
  if (status !== 200) throw new Error(`publication of ${partition}: ${status}`);
}
