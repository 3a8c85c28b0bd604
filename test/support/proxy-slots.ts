/** Documents of computers as the model of a proxy has its partitions. */
import type { MarshalObject } from '../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import type { Place, Slot } from './proxy-model.ts';

export type SeenSlot = Omit<Slot, 'stamp'>;

/** Instances of a computer document as the model has them, and their timestamps. */
export function parseSlots(document: string): Array<SeenSlot & { readonly timestamp: string }> {
  const { attributes } = decodeMarshal(document) as MarshalObject;
  const partitions = attributes['_computer_partition_list'] as readonly MarshalObject[];
  return partitions.flatMap((partition) => {
    const parameters = partition.attributes['_parameter_dict'];
    return parameters === undefined ? [] : [parseSlot(partition, parameters as Parameters)];
  });
}

type Parameters = Readonly<Record<string, string>>;

function parseSlot({ attributes }: MarshalObject, all: Parameters) {
  const {
    full_address_list: _full,
    ip_list: _ips,
    instance_title,
    root_instance_title,
    slap_computer_id,
    slap_computer_partition_id,
    slap_software_release_url,
    slap_software_type,
    slave_instance_list,
    timestamp = '',
    ...parameters
  } = all;
  const slaves = slave_instance_list as unknown as readonly Parameters[];
  return {
    place: `${slap_computer_id}/${slap_computer_partition_id}` as Place,
    title: instance_title ?? '',
    root: root_instance_title === instance_title ? '' : (root_instance_title ?? ''),
    state: attributes['_requested_state'] as Slot['state'],
    software: slap_software_release_url ?? '',
    type: slap_software_type ?? '',
    parameters,
    connection: { ...(attributes['_connection_dict'] as Parameters) },
    slaves: slaves.map(
      ({ slave_title: _title, slave_reference, slap_software_type: type, ...own }) => {
        return { reference: slave_reference ?? '', type: type ?? '', parameters: own };
      },
    ),
    timestamp,
  };
}
