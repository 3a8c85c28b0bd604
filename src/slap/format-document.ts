/** The marshalled description of a computer as the JSON-RPC API takes it. Pure. */
import { SlaposError } from '../errors/slapos-error.ts';
import type { RpcFormattedPartition, RpcInput } from './json-rpc-methods.ts';
import type { MarshalValue } from './marshal-value.ts';
import { decodeMarshal } from './unmarshal.ts';

type Dictionary = Readonly<Record<string, MarshalValue>>;

/**
 * @param xml of `loadComputerConfigurationFromXML` (spec/slap-protocol.md 4.4)
 * @throws SlaposError SLAPOS_ERR_SLAP_XML when it is none.
 */
export function parseFormat(xml: string): RpcInput<'slapos.put.v0.compute_node_format'> {
  const document = dictionary(decodeMarshal(Buffer.from(xml), 'The description of the computer'));
  return {
    computer_guid: text(document['reference']),
    compute_partition_list: list(document['partition_list']).map(dictionary).map(parsePartition),
  };
}

function parsePartition(partition: Dictionary): RpcFormattedPartition {
  const reference = text(partition['reference']);
  const tap = dictionary(partition['tap'] ?? {});
  // As slapproxy names it; that of upstream fails without one.
  const networkInterface = text(tap['name']) || reference;
  return {
    partition_id: reference,
    ip_list: list(partition['address_list']).map((value) => {
      const { addr, netmask } = dictionary(value) as {
        addr?: MarshalValue;
        netmask?: MarshalValue;
      };
      return {
        'ip-address': text(addr),
        ...(text(netmask) === '' ? {} : { netmask: text(netmask) }),
        'network-interface': networkInterface,
      };
    }),
  };
}

function dictionary(value: MarshalValue | undefined): Dictionary {
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isPlain) return value as Dictionary;
  throw new SlaposError('SLAPOS_ERR_SLAP_XML', 'This is no description of a computer.');
}

function list(value: MarshalValue | undefined): readonly MarshalValue[] {
  return Array.isArray(value) ? value : [];
}

function text(value: MarshalValue | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}
