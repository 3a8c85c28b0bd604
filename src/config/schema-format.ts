/** Keys of `[slapformat]` (spec/format.md 2). A key in `[slapos]` wins over one here. */
import { type KeySpec, keysReadBy } from './schema-key.ts';

const format = keysReadBy('node format');
const shared = keysReadBy('node format', 'node collect', 'node boot');
const collect = keysReadBy('node collect');

const NETWORK: readonly KeySpec[] = [
  keysReadBy('node format', 'node boot')('interface_name', 'text', 'network interface to use'),
  keysReadBy('node format', 'node boot')(
    'ipv6_interface',
    'text',
    'interface of the IPv6 prefix, when another',
  ),
  format('ipv4_local_network', 'network', 'pool of IPv4 addresses'),
  format('ipv6_prefixshift', 'integer', 'bits between the prefix and that of a partition', {
    preset: '16',
  }),
  format('partition_has_ipv6_range', 'boolean', 'whether a partition gets a range of its own', {
    preset: 'true',
  }),
  format('root_check', 'boolean', 'as in [slapos], which wins', { preset: 'true' }),
  format('alter_network', 'boolean', 'whether the network is changed', { preset: 'true' }),
];

const DEVICES: readonly KeySpec[] = [
  format('create_tap', 'boolean', 'whether each partition gets a tap', { preset: 'true' }),
  format('tap_base_name', 'text', 'names of taps are this and a number'),
  format('tap_ipv6', 'boolean', 'whether taps get an IPv6 range', { preset: 'true' }),
  format('tap_gateway_interface', 'text', 'interface that taps take an IPv4 address from', {
    preset: '',
  }),
  format('tap_mode', 'choice', 'how taps reach the network', {
    preset: 'auto',
    choices: ['auto', 'routed', 'bridged'],
    isOurs: true,
  }),
  format('create_bridge', 'boolean', 'whether a missing bridge is made', {
    preset: 'false',
    isOurs: true,
  }),
  format('bridge_ports', 'names', 'interfaces that join the bridge that is made', {
    isOurs: true,
  }),
  format('create_tun', 'boolean', 'whether each partition gets a tun', { preset: 'false' }),
  format('tun_ipv6', 'boolean', 'whether tuns get an IPv6 range', { preset: 'true' }),
];

const COMPUTER: readonly KeySpec[] = [
  shared('partition_amount', 'integer', 'number of partitions', { isRequired: true }),
  shared('partition_base_name', 'text', 'names of partitions are this and a number'),
  shared('user_base_name', 'text', 'names of users are this and a number'),
  format('alter_user', 'boolean', 'whether users and groups are created', { preset: 'true' }),
  format('software_user', 'text', 'owner of the software releases', { preset: 'slapsoft' }),
  format('computer_xml', 'path', 'state file of the computer', { isRequired: true }),
  format('computer_json', 'path', 'state of the computer as JSON'),
  format('input_definition_file', 'path', 'description of the computer to follow'),
  format('output_definition_file', 'path', 'where to write such a description'),
  format('log_file', 'path', 'log of node format'),
  collect('computer_model_id', 'text', 'model of the computer', { preset: 'no_model' }),
  collect('heating_sensor_id', 'text', 'sensor of the heating test'),
];

const REMOVED: readonly KeySpec[] = [
  'dry_run',
  'use_unique_local_address_block',
  'bridge_name',
  'no_bridge',
].map((key) => format(key, 'text', 'no longer used', { isIgnored: true }));

export const FORMAT_KEYS: readonly KeySpec[] = [...NETWORK, ...DEVICES, ...COMPUTER, ...REMOVED];
