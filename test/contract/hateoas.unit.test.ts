/** The REST subset, row by row of spec/slap-protocol.md 7 and spec/proxy.md 10. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWorld, type World } from '../support/contract-world.ts';
import { SOFTWARE } from '../support/proxy-fixture.ts';

const TREES = 'portal_type:"Instance Tree" AND validation_state:validated';
const COMPUTERS = 'portal_type:"Compute Node" AND validation_state:validated';
const PARAMETERS = `<?xml version='1.0' encoding='utf-8'?>
<instance>
  <parameter id="p">1</parameter>
</instance>
`;
const NO_PARAMETERS = "<?xml version='1.0' encoding='utf-8'?>\n<instance/>\n";

let world: World;
let before: string;
beforeAll(async () => {
  world = await startWorld();
  before = await world.content();
});
afterAll(async () => {
  expect(await world.content()).toBe(before);
  await world.close();
});

async function get(path: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(world.url + path, { redirect: 'manual', headers });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    location: response.headers.get('location')?.replace(world.url, 'URL/'),
    json: text.startsWith('{') ? (JSON.parse(text.replaceAll(world.url, 'URL/')) as unknown) : text,
  };
}

const query = (fields: Readonly<Record<string, string>>) =>
  `hateoas/?${new URLSearchParams(fields)}`;
const search = (text: string) =>
  get(query({ mode: 'search', query: text, select_list: 'title,relative_url' }));
const found = (...contents: readonly unknown[]) => ({
  status: 200,
  type: 'application/json',
  json: { _embedded: { contents } },
});

const ROOT = {
  title: 'root',
  url_string: SOFTWARE,
  relative_url: '/hateoas/partitions/root',
  reference: 'slappart0',
  computer_reference: 'COMP-1',
  slap_state: 'busy',
  software_release: SOFTWARE,
  software_type: 'default',
  partition_reference: 'root',
  requested_by: '',
  requested_state: 'started',
  timestamp: expect.any(Number),
  xml: PARAMETERS,
  connection_xml: null,
  slave_instance_list: expect.stringMatching(/^<marshal><list/),
};
const SHARED = { title: 'shared', url_string: SOFTWARE, relative_url: '/hateoas/shared/shared' };
const COMPUTER = {
  title: 'COMP-1',
  reference: 'COMP-1',
  relative_url: '/hateoas/computers/COMP-1',
  address: '10.0.0.1',
  netmask: '255.255.255.0',
};

test.each(['hateoas/', 'hateoas'])('the start: %s', async (path) => {
  const { status, type, json } = await get(path);
  expect([status, type]).toEqual([200, 'application/json']);
  expect(json).toMatchObject({
    _links: {
      raw_search: { href: 'URL/hateoas/?mode=search&query={query}&select_list={select_list}' },
      traverse: { href: 'URL/hateoas/?mode=traverse&relative_url={relative_url}&view={view}' },
    },
  });
});

test('behind a reverse proxy', async () => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/pre' };
  const { json } = await get('hateoas/', headers);
  const host = new URL(world.url).host;
  expect(JSON.stringify(json)).toContain(`"https://${host}/pre/hateoas/?mode=search`);
});

describe('the four queries', () => {
  test.each<[string, readonly unknown[]]>([
    [TREES, [ROOT, SHARED]],
    [`${TREES} AND title:="root"`, [ROOT]],
    [`${TREES} AND title:="shared"`, [SHARED]],
    // A child is no instance tree.
    [`${TREES} AND title:="child"`, []],
    [COMPUTERS, [COMPUTER]],
    [`${COMPUTERS} AND reference:="COMP-1"`, [COMPUTER]],
    [`${COMPUTERS} AND reference:="COMP-9"`, []],
  ])('%s', async (text, contents) => {
    expect(await search(text)).toMatchObject(found(...contents));
  });
});

test.each([
  'portal_type:"Software Release"',
  `${TREES} AND title:=root`,
  `${TREES} AND title:=root"`,
  `${TREES} AND title:="ro"ot"`,
  `${TREES} AND reference:="root"`,
  `${COMPUTERS} AND title:="COMP-1"`,
  `${TREES} AND title:="'; DROP TABLE partition17; --" OR 1=1`,
])('any other query is refused: %s', async (text) => {
  expect(await search(text)).toMatchObject({ status: 400, json: `Unhandled query: ${text}\n` });
});

test('no query, another mode', async () => {
  expect(await get(query({ mode: 'search' }))).toMatchObject({
    status: 400,
    json: 'Field query is missing.\n',
  });
  expect(await get(query({ mode: 'zzz' }))).toMatchObject({
    status: 400,
    json: 'Unhandled mode: zzz\n',
  });
});

test('SQL in a title is a title', async () => {
  const title = "x' OR '1'='1";
  expect(await search(`${TREES} AND title:="${title}"`)).toMatchObject(found());
  expect((await get(`hateoas/partitions/${encodeURIComponent(title)}`)).status).toBe(404);
});

test('traversing leads to the document', async () => {
  const traverse = { mode: 'traverse', relative_url: ROOT.relative_url, view: 'slaposjs_view' };
  expect(await get(query(traverse))).toMatchObject({
    status: 302,
    location: 'URL/hateoas/partitions/root',
  });
  expect((await get(query({ mode: 'traverse' }))).status).toBe(400);
});

/** Fields of a document by name. */
const fields = (portalType: string, values: Readonly<Record<string, unknown>>) => ({
  status: 200,
  type: 'application/json',
  json: {
    _embedded: {
      _view: Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          `my_${name}`,
          { type: typeof value === 'number' ? 'IntegerField' : 'StringField', default: value },
        ]),
      ),
    },
    _links: { type: { name: portalType } },
  },
});

describe('documents', () => {
  const tree = {
    url_string: SOFTWARE,
    source_reference: 'default',
    connection_parameter_list: null,
  };
  test.each([
    [
      'partitions/root',
      fields('Instance Tree', {
        ...tree,
        reference: 'root',
        slap_state: 'started',
        text_content: PARAMETERS,
        root_slave: 0,
      }),
    ],
    [
      'shared/shared',
      fields('Instance Tree', {
        ...tree,
        reference: 'shared',
        slap_state: 'unused',
        text_content: NO_PARAMETERS,
        root_slave: 1,
      }),
    ],
    ['computers/COMP-1', fields('Compute Node', { reference: 'COMP-1', title: 'COMP-1' })],
  ])('%s', async (path, document) => {
    expect(await get(`hateoas/${path}`)).toMatchObject(document);
  });

  test.each(['partitions/nope', 'shared/nope', 'computers/COMP-9', 'nothing/root'])(
    'there is no %s',
    async (path) => {
      const { status, json } = await get(`hateoas/${path}`);
      expect([status, json]).toEqual([404, expect.stringMatching(/\w+ .*\w/)]);
    },
  );
});
