/** Marshalled XML of hundreds of partitions, which differ in their texts and seldom in shape. */
import type { Partition, PartitionDevice } from '../model/computer.ts';
import { MarshalTemplate, templateHole } from '../slap/marshal-template.ts';
import { type MarshalForm, MarshalFragment, type MarshalValue } from '../slap/marshal-value.ts';

/** One fragment for all partitions, each written as `document` describes it. */
export function partitionFragment(
  partitions: readonly Partition[],
  document: (partition: Partition) => MarshalValue,
): MarshalFragment {
  return new MarshalFragment((form) => {
    const templates = new Map<string, MarshalTemplate>();
    let { lastId } = form;
    const texts = partitions.map((partition) => {
      const template = templateFor(partition, templates, form, document);
      const text = template.fill(textsOf(partition), lastId);
      lastId += template.idCount;
      return text;
    });
    return { text: texts.join(''), lastId };
  });
}

function templateFor(
  partition: Partition,
  templates: Map<string, MarshalTemplate>,
  form: MarshalForm,
  document: (partition: Partition) => MarshalValue,
): MarshalTemplate {
  const shape = shapeOf(partition);
  const known = templates.get(shape);
  if (known !== undefined) return known;
  const template = new MarshalTemplate(document(withHoles(partition)), form);
  templates.set(shape, template);
  return template;
}

/** Equal for partitions whose documents differ in nothing but their texts. */
function shapeOf(partition: Partition): string {
  const { addresses, capabilities, externalStorages, ipv6Range, tun, user } = partition;
  return [
    addresses.length,
    capabilities?.length,
    externalStorages.length,
    ipv6Range?.prefixLength,
    tun === null,
    user.groups.length,
  ].join();
}

/** Every text of the partition, in the order in which {@link withHoles} numbers them. */
function textsOf(partition: Partition): string[] {
  const { addresses, ipv6Range, tap, tun, user } = partition;
  const texts = [partition.reference, partition.path, user.name, user.home, user.shell];
  for (const { address, netmask } of addresses) texts.push(address, netmask);
  if (ipv6Range !== null) texts.push(ipv6Range.address, ipv6Range.netmask, ipv6Range.network);
  pushDevice(texts, tap);
  if (tun !== null) pushDevice(texts, tun);
  texts.push(...user.groups, ...partition.externalStorages, ...(partition.capabilities ?? []));
  return texts;
}

function pushDevice(texts: string[], device: PartitionDevice): void {
  texts.push(device.name, device.ipv4Address, device.ipv4Netmask, device.ipv4Gateway);
  texts.push(device.ipv4Network, device.ipv6Address, device.ipv6Netmask, device.ipv6Gateway);
  texts.push(device.ipv6Network);
}

/** A partition of the same shape with a hole for each of its texts. */
function withHoles(partition: Partition): Partition {
  let last = -1;
  const hole = () => {
    last += 1;
    return templateHole(last);
  };
  const holes = (texts: readonly string[]) => texts.map(hole);
  const device = (): PartitionDevice => ({
    name: hole(),
    ipv4Address: hole(),
    ipv4Netmask: hole(),
    ipv4Gateway: hole(),
    ipv4Network: hole(),
    ipv6Address: hole(),
    ipv6Netmask: hole(),
    ipv6Gateway: hole(),
    ipv6Network: hole(),
  });
  const [reference, path] = [hole(), hole()];
  const user = { name: hole(), home: hole(), shell: hole() };
  const addresses = partition.addresses.map(() => ({ address: hole(), netmask: hole() }));
  const ipv6Range = partition.ipv6Range && {
    address: hole(),
    netmask: hole(),
    network: hole(),
    prefixLength: partition.ipv6Range.prefixLength,
  };
  const [tap, tun] = [device(), partition.tun && device()];
  const groups = holes(partition.user.groups);
  const externalStorages = holes(partition.externalStorages);
  const capabilities = partition.capabilities && holes(partition.capabilities);
  const names = { reference, path, user: { ...user, groups } };
  return { ...names, addresses, ipv6Range, tap, tun, externalStorages, capabilities };
}
