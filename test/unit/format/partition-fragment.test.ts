import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderPartitionResource } from '../../../src/format/document.ts';
import { partitionFragment } from '../../../src/format/partition-fragment.ts';
import type { Partition, PartitionDevice } from '../../../src/model/computer.ts';
import { encodeMarshalPart } from '../../../src/slap/marshal.ts';
import type { MarshalForm, MarshalValue } from '../../../src/slap/marshal-value.ts';
import { sanitizeXmlText } from '../../../src/slap/xml-text.ts';

/** Plain, empty, and whatever an escape or a hole could stumble over. */
const text = fc.oneof(
  fc.constantFrom('', 'slappart0', '2001:db8::1', 'a&b<c>', '~hole0~', 'id="i7"', 'é€\u{1f600}'),
  fc.constantFrom('two\nlines', ' <string>~hole3~</string>', '$1', "$'"),
  fc.string().map(sanitizeXmlText),
);
const address = fc.record({ address: text, netmask: text });
const device: fc.Arbitrary<PartitionDevice> = fc.record({
  name: text,
  ipv4Address: text,
  ipv4Netmask: text,
  ipv4Gateway: text,
  ipv4Network: text,
  ipv6Address: text,
  ipv6Netmask: text,
  ipv6Gateway: text,
  ipv6Network: text,
});
const texts = fc.array(text, { maxLength: 2 });
const partition: fc.Arbitrary<Partition> = fc.record({
  reference: text,
  path: text,
  user: fc.record({ name: text, shell: text, home: text, groups: texts }),
  addresses: fc.array(address, { maxLength: 2 }),
  ipv6Range: fc.option(
    fc.record({
      address: text,
      netmask: text,
      network: text,
      prefixLength: fc.integer({ min: 64, max: 66 }),
    }),
  ),
  tap: device,
  tun: fc.option(device),
  externalStorages: texts,
  capabilities: fc.option(texts),
});
const form: fc.Arbitrary<MarshalForm> = fc.record({
  isIndented: fc.boolean(),
  indent: fc.constantFrom('', '    '),
  lastId: fc.nat({ max: 1000 }),
});

/** What is written of one partition, by way of its other rendering. */
function documentOf(one: Partition): MarshalValue {
  return JSON.parse(renderPartitionResource(one)) as MarshalValue;
}

describe('partitionFragment', () => {
  it('writes what the general writer would', () => {
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 5 }), form, (partitions, at) => {
        const fragment = partitionFragment(partitions, documentOf);
        const others: MarshalValue[] = [['after']];
        const expected = encodeMarshalPart([...partitions.map(documentOf), ...others], at);
        expect(encodeMarshalPart([fragment, ...others], at)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});
