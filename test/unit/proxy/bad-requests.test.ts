/**
 * Requests that no honest client sends: every one gets a 4xx with a reason, and the database is as
 * it was; whatever is accepted leaves the documents of the computer readable.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { READ_ROUTES } from '../../../src/proxy/routes-read.ts';
import { WRITE_ROUTES } from '../../../src/proxy/routes-write.ts';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import {
  computerDocument,
  type ProxyFixture,
  postForm,
  requestFields,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { callMethod } from '../../support/rpc-call.ts';
import { type ContentReader, openContentReader } from '../../support/test-store.ts';

let proxy: ProxyFixture;
let reader: ContentReader;
beforeEach(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(3));
  await postForm(`${proxy.url}requestComputerPartition`, requestFields({}));
  const shared = requestFields({ partition_reference: 's', shared_xml: true });
  await postForm(`${proxy.url}requestComputerPartition`, shared);
  reader = await openContentReader(proxy.database);
});
afterEach(async () => {
  await reader.close();
  await proxy.close();
});

const content = () => reader.content();
const nested = (depth: number) =>
  `<marshal>${'<list id="i2">'.repeat(depth)}${'</list>'.repeat(depth)}</marshal>`;

/** Ten references to ten references… to ten texts: 10^9 characters of 2,000. */
function bomb(): string {
  let inner = '<string>xxxxxxxxxx</string>';
  for (let level = 2; level < 11; level += 1) {
    inner = `<list id="i${level}">${inner}${`<reference id="i${level - 1}"/>`.repeat(level > 2 ? 9 : 0)}</list>`;
  }
  return `<marshal><dictionary id="i99"><string>a</string>${inner}</dictionary></marshal>`;
}

const CYCLE =
  '<marshal><dictionary id="i2"><string>a</string><reference id="i2"/></dictionary></marshal>';
const ENTITIES =
  '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><marshal><string>&b;</string></marshal>';
const OUTSIDE =
  '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><marshal><string>&a;</string></marshal>';

const PARAMETERS: ReadonlyArray<readonly [string, string, RegExp]> = [
  ['broken XML', '<marshal>', /XML/],
  ['no XML', 'x', /XML/],
  ['nothing', '', /XML|empty/],
  ['an entity bomb', ENTITIES, /document type declaration/],
  ['a file of the machine', OUTSIDE, /document type declaration/],
  ['references of references', bomb(), /too large/],
  ['a value within itself', CYCLE, /holds itself/],
  ['200 levels', nested(200), /nested/],
  ['100,000 levels', nested(100_000), /nested/],
  ['code', '<marshal><code>x</code></marshal>', /code/],
  [
    'a foreign class',
    '<marshal><object id="i2" module="os" class="system"><tuple/><none/></object></marshal>',
    /system/,
  ],
  ['a control character', '<marshal><string>&#1;</string></marshal>', /XML|character/],
  ['a list', '<marshal><list id="i2"/></marshal>', /not a dictionary/],
  [
    'keys that are no texts',
    '<marshal><dictionary id="i2"><int>1</int><int>2</int></dictionary></marshal>',
    /not a dictionary/,
  ],
  ['half an entry', '<marshal><dictionary id="i2"><string>a</string></dictionary></marshal>', /./],
];

describe.each(['partition_parameter_xml', 'filter_xml'])('field %s', (field) => {
  test.each(PARAMETERS)('with %s', async (_name, text, reason) => {
    const before = await content();
    const fields = { ...requestFields({ partition_reference: 'bad' }), [field]: text };
    const answer = await postForm(`${proxy.url}requestComputerPartition`, fields);
    expect(answer.text).toMatch(reason);
    expect(answer.status).toBe(400);
    expect(await content()).toBe(before);
  });
});

test.each(PARAMETERS)('connection parameters with %s', async (_name, text) => {
  const before = await content();
  const fields = {
    computer_id: 'COMP-1',
    computer_partition_id: 'slappart0',
    connection_xml: text,
  };
  const answer = await postForm(`${proxy.url}setComputerPartitionConnectionXml`, fields);
  expect(answer.status).toBe(400);
  expect(await content()).toBe(before);
});

test.each(['%00', '%01', '%EF%BF%BF'])('a title with %s breaks no document', async (character) => {
  const before = await content();
  const body = new URLSearchParams(requestFields({ partition_reference: 'X' })).toString();
  const response = await fetch(`${proxy.url}requestComputerPartition`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: body.replace('=X&', `=a${character}&`),
  });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('which XML cannot carry');
  const rpc = {
    title: `a${decodeURIComponent(character)}`,
    software_release_uri: 'u',
    software_type: '',
  };
  expect((await callMethod(proxy, 'post.v0.software_instance', rpc)).status).toBe(400);
  expect(await content()).toBe(before);
});

test('SQL in names is text', async () => {
  const names = ["'; DROP TABLE partition17; --", '" OR 1=1 --', '%s%s?:1', "a'b"];
  for (const name of names) {
    const fields = requestFields({ partition_reference: name, software_release: name });
    const { status } = await postForm(`${proxy.url}requestComputerPartition`, fields);
    expect([200, 404]).toContain(status);
    await postForm(`${proxy.url}supplySupply`, {
      url: name,
      computer_id: name,
      state: 'available',
    });
    await postForm(`${proxy.url}destroyedSoftwareRelease`, { url: name, computer_id: name });
    const url = `${proxy.url}getFullComputerInformation?computer_id=${encodeURIComponent(name)}`;
    expect((await fetch(url)).status).toBe(404);
  }
  expect(await content()).toMatch(/CREATE TABLE partition17|^partition\{/m);
  const { partitions } = await proxy.master.getFullComputerInformation('COMP-1');
  expect(partitions.map((row) => row.parameters?.['instance_title'])).toEqual([
    'r',
    ...names.slice(0, 2),
  ]);
});

const NAMES = [
  'url computer_id state computer_partition_id new_name message xml connection_xml slave_reference',
  'software_release software_type partition_reference partition_parameter_xml filter_xml shared_xml',
  'computer_reference computer_partition_reference software_product_reference instance_reference_xml',
  'mode query relative_url select_list',
].flatMap((line) => line.split(' '));

const text = fc.oneof(
  fc.constantFrom(
    'COMP-1',
    'slappart0',
    'slappart9',
    'r',
    's',
    '_s',
    SOFTWARE,
    'default',
    'None',
    '',
  ),
  fc.constantFrom(
    'available',
    'started',
    'destroyed',
    'search',
    'traverse',
    '/hateoas/partitions/r',
  ),
  fc.constantFrom(...PARAMETERS.map(([, value]) => value)),
  fc.constantFrom(
    encodeMarshal({}),
    encodeMarshal(null),
    encodeMarshal('started'),
    encodeMarshal(true),
  ),
  fc.constantFrom(computerDocument(3), encodeMarshal({ master_url: 'x', computer_guid: 7 })),
  fc.constantFrom('portal_type:"Instance Tree" AND validation_state:validated', '"', '../..', '\0'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const form = fc.dictionary(fc.constantFrom(...NAMES), text, { maxKeys: 10 });

async function isReadable(): Promise<void> {
  const full = await fetch(`${proxy.url}getFullComputerInformation?computer_id=COMP-1`);
  expect(full.status).toBe(200);
  await full.arrayBuffer();
}

/** A refusal has a reason and changes nothing; a success leaves what can be read. */
async function expectSane(ask: () => Promise<Response>): Promise<void> {
  const before = await content();
  const response = await ask();
  const body = await response.text();
  expect(response.status, body).toBeLessThan(500);
  if (response.status < 400) return isReadable();
  expect(body.trim()).not.toBe('');
  expect(await content()).toBe(before);
}

const READS = [...Object.keys(READ_ROUTES), '/hateoas', '/hateoas/partitions/r', '/hateoas/x/y'];

test('any fields at any endpoint', { timeout: 120_000 }, async () => {
  const call = fc.tuple(fc.constantFrom(...Object.keys(WRITE_ROUTES), ...READS), form);
  await fc.assert(
    fc.asyncProperty(call, async ([path, fields]) => {
      const fieldText = new URLSearchParams(fields).toString();
      const isWrite = Object.hasOwn(WRITE_ROUTES, path);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      await expectSane(() =>
        isWrite
          ? fetch(proxy.url + path.slice(1), { method: 'POST', headers, body: fieldText })
          : fetch(`${proxy.url}${path.slice(1)}?${fieldText.slice(0, 8000)}`, {
              redirect: 'manual',
            }),
      );
    }),
    { numRuns: 250 },
  );
});

const json = fc.oneof(
  fc.constantFrom(
    'COMP-1',
    'slappart0',
    'r______0',
    's______1',
    'r',
    SOFTWARE,
    'destroyed',
    'started',
  ),
  fc.constantFrom(true, 0, null, -1.5, 1e300, [], {}, { a: { b: [] } }, { '\u0001': '' }, [['']]),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

test('any properties for any method', { timeout: 120_000 }, async () => {
  const methods = Object.entries(RPC_METHODS).map(([name, { input }]) => {
    const known = Object.keys(input);
    const body = fc.oneof(
      { weight: 5, arbitrary: fc.record(Object.fromEntries(known.map((key) => [key, json]))) },
      { weight: 2, arbitrary: fc.dictionary(fc.constantFrom('x', '__proto__', ...known), json) },
      { weight: 1, arbitrary: json },
    );
    return fc.tuple(fc.constant(name), body);
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(...methods), async ([name, body]) => {
      const headers = { 'content-type': 'application/json' };
      await expectSane(() =>
        fetch(proxy.url + name, { method: 'POST', headers, body: JSON.stringify(body) ?? '' }),
      );
    }),
    { numRuns: 250 },
  );
});

test('JSON of 100,000 levels', async () => {
  const deep = `{"title":"t","software_release_uri":"u","software_type":"","parameters":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
  const { status, json: answer } = await callMethod(proxy, 'post.v0.software_instance', deep);
  expect(status).toBe(400);
  expect(answer['title']).toMatch(/nested/);
});
