import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderComputer, renderPartition } from '../../../src/proxy/documents.ts';
import { PartitionTexts } from '../../../src/proxy/partition-texts.ts';
import type { PartitionRow } from '../../../src/proxy/store.ts';
import { encodeInstanceXml } from '../../../src/slap/instance-xml.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';

const SLAVES = [
  '<marshal><list id="i2"/></marshal>',
  '<marshal><list id="i2"><dictionary id="i3"><string>a</string><list id="i4"/><string>b</string><reference id="i4"/></dictionary></list></marshal>',
];

const parameters = fc.dictionary(
  fc.constantFrom('a', '_', 'id="i7"'),
  fc.constantFrom('', '<list id="i3"/>', 'id="i9"', '&amp;', 'é\n', '1'),
);

const row = (reference: string): fc.Arbitrary<PartitionRow> => {
  const used = fc.record({
    reference: fc.constant(reference),
    computerReference: fc.constant('C'),
    slapState: fc.constant('busy'),
    softwareRelease: fc.constantFrom('u', 'id="i4"', null),
    xml: parameters.map(encodeInstanceXml),
    connectionXml: fc.option(parameters.map(encodeInstanceXml)),
    slaveInstanceList: fc.constantFrom(null, ...SLAVES),
    softwareType: fc.constant('default'),
    title: fc.constantFrom('t', '<object id="i1"'),
    requestedBy: fc.constant(''),
    requesterId: fc.constant('user'),
    requestedState: fc.constantFrom('started', 'stopped'),
    timestamp: fc.constantFrom(null, 1.5, 2),
  });
  return used;
};

const addresses = fc.array(
  fc.record({
    partitionReference: fc.constantFrom('p0', 'p1', 'p2'),
    computerReference: fc.constant('C'),
    reference: fc.constantFrom('tap', null),
    address: fc.constantFrom('10.0.0.1', 'fd00::1'),
    netmask: fc.constant(null),
  }),
  { maxLength: 4 },
);

const state = fc.record({
  software: fc.constant([{ url: 'u', computerReference: 'C', requestedState: 'available' }]),
  partitions: fc.tuple(row('p0'), row('p1'), row('p2')),
  addresses,
});

test('kept texts make the same document as rendering everything', () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), (states) => {
      const texts = new PartitionTexts(renderPartition);
      for (const rows of [...states, ...states]) {
        const kept = renderComputer('C', rows, (one, list) => texts.fragment(one, list));
        expect(encodeMarshal(kept)).toBe(encodeMarshal(renderComputer('C', rows)));
      }
    }),
  );
});

test('only what changed is rendered again', () => {
  const rendered: string[] = [];
  const texts = new PartitionTexts((one, list) => {
    rendered.push(one.reference);
    return renderPartition(one, list);
  });
  const [rows] = fc.sample(state, { numRuns: 1, seed: 1 });
  if (rows === undefined) throw new Error('no sample');
  const [first, second, third] = rows.partitions;
  const render = (partitions: readonly PartitionRow[]) =>
    encodeMarshal(
      renderComputer('C', { ...rows, partitions }, (one, list) => texts.fragment(one, list)),
    );
  render([first, second, third]);
  render([{ ...first }, { ...second, timestamp: 7 }, third]);
  expect(rendered).toEqual(['p0', 'p1', 'p2', 'p1']);
});
