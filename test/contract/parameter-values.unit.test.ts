/**
 * Any parameter value, both ways over a real socket and through a real database: what an instance
 * gets is Python's text of it, what the host of a slave gets is the value itself
 * (spec/slap-protocol.md 1, 2 and "Edge cases"). The interop tests compare with Python itself.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import {
  MarshalFloat,
  type MarshalObject,
  type MarshalValue,
} from '../../src/slap/marshal-value.ts';
import { pythonStr } from '../../src/slap/python-text.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { CHILD, ROOT, startWorld, type World } from '../support/contract-world.ts';
import { marshalValues, xmlTexts } from '../support/marshal-values.ts';
import { postForm, requestFields } from '../support/proxy-fixture.ts';
import { callMethod } from '../support/rpc-call.ts';

type Dictionary = Readonly<Record<string, MarshalValue>>;

/** What the proxy puts there itself. */
const RESERVED = /^(slap_|slave_|instance_title|root_instance_title|ip_list|full_|timestamp$)/;
const keys = xmlTexts().filter((key) => !RESERVED.test(key));
const dictionaries = fc.dictionary(keys, marshalValues(), { maxKeys: 5 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

async function post(path: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const { status, text } = await postForm(world.url + path, fields);
  expect([status, text]).toEqual([200, expect.anything()]);
}

/** Attributes of a partition as a recipe reads them. */
async function read({ computer_id, computer_partition_id }: typeof ROOT) {
  const query = new URLSearchParams({
    computer_reference: computer_id,
    computer_partition_reference: computer_partition_id,
  });
  const response = await fetch(`${world.url}registerComputerPartition?${query}`);
  return (decodeMarshal(await response.text()) as MarshalObject).attributes;
}

/** Texts, an empty one as nothing: what instance XML makes of values. */
function asTexts(values: Dictionary): Record<string, string | null> {
  const entries = Object.entries(values).map(([key, value]) => [key, pythonStr(value) || null]);
  return Object.fromEntries(entries) as Record<string, string | null>;
}

const own = (parameters: Dictionary) =>
  Object.fromEntries(Object.entries(parameters).filter(([key]) => !RESERVED.test(key)));

test('parameters of an instance, connection parameters, parameters of a slave', async () => {
  await fc.assert(
    fc.asyncProperty(dictionaries, dictionaries, async (parameters, connection) => {
      const fields = { partition_reference: 'root', partition_parameter_xml: parameters };
      await post('requestComputerPartition', requestFields(fields));
      const shared = { ...fields, partition_reference: 'shared', shared_xml: true };
      await post('requestComputerPartition', requestFields(shared));
      const connection_xml = encodeMarshal(connection);
      await post('setComputerPartitionConnectionXml', { ...ROOT, connection_xml });

      const { _parameter_dict, _connection_dict } = await read(ROOT);
      expect(own(_parameter_dict as Dictionary)).toEqual(asTexts(parameters));
      expect({ ...(_connection_dict as Dictionary) }).toEqual(asTexts(connection));
      const [entry] = (_parameter_dict as Dictionary)['slave_instance_list'] as [Dictionary];
      // Compared as marshalled text, in which equal values are equal.
      expect(encodeMarshal(own(entry))).toBe(encodeMarshal(parameters));
    }),
    { numRuns: 40 },
  );
});

test('JSON by the JSON-RPC API', async () => {
  const values = fc.dictionary(keys, fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' }), {
    maxKeys: 4,
  });
  await fc.assert(
    fc.asyncProperty(values, async (parameters) => {
      const request = {
        title: 'child',
        software_release_uri: 'https://example.com/software.cfg',
        software_type: 'default',
        parameters,
      };
      const headers = { 'x-computer-id': 'COMP-1', 'x-computer-partition-id': 'slappart0' };
      const { status, json } = await callMethod(
        world,
        'post.v0.software_instance',
        request,
        headers,
      );
      expect([status, json['compute_partition_id']]).toEqual([200, 'slappart1']);
      // JSON writes both 1 and 1.0 of JavaScript as an integer.
      const expected = Object.entries(parameters).map(([key, value]) => [key, render(value)]);
      const { _parameter_dict } = await read(CHILD);
      expect(own(_parameter_dict as Dictionary)).toEqual(Object.fromEntries(expected));
      expect(json['parameters']).toEqual(Object.fromEntries(expected));
    }),
    { numRuns: 40 },
  );
});

/** Python's text of a JSON value, dictionaries in the order in which they were sent. */
function render(value: unknown): string | null {
  return pythonStr(inOrder(JSON.parse(JSON.stringify(value)))) || null;
}

function inOrder(value: unknown): MarshalValue {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value === 'number') return fromNumber(value);
  if (typeof value !== 'object' || value === null) return value as MarshalValue;
  return new Map(Object.entries(value).map(([key, item]) => [key, inOrder(item)]));
}

/** As Python reads what JavaScript writes of a number. */
function fromNumber(value: number): MarshalValue {
  const text = JSON.stringify(value);
  return /^-?\d+$/.test(text) ? BigInt(text) : new MarshalFloat(value);
}

test.each<[string, MarshalValue, string | null]>([
  ['an empty text', '', null],
  ['nothing', null, 'None'],
  ['a truth', true, 'True'],
  ['an integer', 1, '1'],
  ['a float', new MarshalFloat(1), '1.0'],
  ['a small float', 1e-7, '1e-07'],
  ['a large float', 1e16, '1e+16'],
  ['markup', '<a href="x">&amp;</a>', '<a href="x">&amp;</a>'],
  ['lines', 'a\nb\r\n\tc', 'a\nb\r\n\tc'],
  ['unicode', 'é🎉\u2028', 'é🎉\u2028'],
  ['quotes', [`it's`, `"`, `'"`], `["it's", '"', '\\'"']`],
  ['a list', ['one', 2], "['one', 2]"],
  ['a nested dictionary', { x: { y: [null, ''] } }, "{'x': {'y': [None, '']}}"],
  ['JSON in a text', '{"a": [1, "é"]}', '{"a": [1, "é"]}'],
])('%s', async (_name, value, text) => {
  const fields = { partition_reference: 'root', partition_parameter_xml: { _: value } };
  await post('requestComputerPartition', requestFields(fields));
  expect(((await read(ROOT))['_parameter_dict'] as Dictionary)['_']).toBe(text);
});
