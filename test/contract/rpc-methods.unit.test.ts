/**
 * The JSON-RPC API, row by row of spec/slap-protocol.md 6.1, 6.2 and spec/proxy.md 9: the real
 * server on a socket, with a real database. Each method is called as it should be, then with each
 * property missing or of another type, with one too many, and for what does not exist.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RPC_METHODS } from '../../src/proxy/rpc.ts';
import { startWorld, type World } from '../support/contract-world.ts';
import { SOFTWARE } from '../support/proxy-fixture.ts';
import { callMethod } from '../support/rpc-call.ts';

type Body = Readonly<Record<string, unknown>>;
type Refusal = readonly [403, string];

interface Row {
  readonly method: string;
  readonly body: Body;
  readonly optional?: Body;
  readonly answer: unknown;
  /** For what does not exist; an answer as for what does, when not said. */
  readonly unknown?: readonly [Body, Refusal | 200];
}

const NODE = { computer_guid: 'COMP-1' };
const OTHER = { computer_guid: 'COMP-9' };
const INSTALLATION = { ...NODE, software_release_uri: SOFTWARE };
const ROOT = { instance_guid: 'root______0' };
const CHILD = { instance_guid: 'child___root___0' };
const NOBODY = { instance_guid: 'nobody______0' };
const REQUEST = { title: 'new', software_release_uri: SOFTWARE, software_type: 'default' };
const NO_INSTANCE: Refusal = [403, 'No software instance nobody______0 found.'];
const UNREGISTERED = [OTHER, [403, 'COMP-9 is not registered.']] as const;
const CERTIFICATE = { key: '', certificate: '' };
const ok = (title: string) => ({ type: 'success', title });
const list = (...rows: readonly unknown[]) => ({ result_list: rows });

/** INSTANCE of spec/slap-protocol.md 6.1: all keys, whatever there is to say. */
const instance = (changes: Body) => ({
  title: 'root',
  instance_guid: 'root______0',
  software_release_uri: SOFTWARE,
  software_type: 'default',
  state: 'started',
  connection_parameters: {},
  parameters: {},
  shared: false,
  root_instance_title: 'root',
  ip_list: [],
  full_ip_list: [],
  sla_parameters: {},
  computer_guid: 'COMP-1',
  compute_partition_id: 'slappart0',
  processing_timestamp: expect.any(Number),
  access_status_message: '',
  ...changes,
});
const addresses = (index: number, device = `tap${index}`) => ({
  ip_list: [`10.0.1.${index}`, `fd00::${index}`].map((address) => [device, address]),
});
const THE_ROOT = instance({ parameters: { p: '1' }, ...addresses(0) });

const ROWS: readonly Row[] = [
  {
    method: 'post.v0.software_instance',
    body: REQUEST,
    optional: {
      state: 'stopped',
      parameters: { n: 1 },
      shared: false,
      sla_parameters: { computer_guid: 'COMP-1', retention_delay: 7.5, other: 'x' },
    },
    answer: instance({
      title: 'new',
      instance_guid: 'new______0',
      root_instance_title: 'new',
      compute_partition_id: 'slappart2',
      state: 'stopped',
      parameters: { n: '1' },
      ...addresses(2, 'slappart2'),
    }),
  },
  {
    method: 'get.v0.software_instance',
    body: ROOT,
    answer: THE_ROOT,
    unknown: [NOBODY, NO_INSTANCE],
  },
  {
    method: 'get.v0.compute_partition',
    body: { ...NODE, compute_partition_id: 'slappart0' },
    answer: THE_ROOT,
    unknown: [
      { ...NODE, compute_partition_id: 'slappart2' },
      [403, 'No instance on partition slappart2 found.'],
    ],
  },
  {
    method: 'get.v0.instance_tree',
    body: { title: 'root' },
    answer: THE_ROOT,
    unknown: [{ title: 'child' }, [403, 'No instance tree child found.']],
  },
  {
    method: 'allDocs.v0.instance_tree_list',
    body: {},
    answer: list({ title: 'root' }, { title: 'shared' }),
  },
  {
    method: 'allDocs.v0.compute_node_instance_list',
    body: NODE,
    answer: list(
      ...(
        [
          ['root', 'root______0', 'slappart0'],
          ['child', 'child___root___0', 'slappart1'],
        ] as const
      ).map(([title, instance_guid, compute_partition_id]) => ({
        title,
        instance_guid,
        state: 'started',
        compute_partition_id,
        software_release_uri: SOFTWARE,
      })),
    ),
    unknown: UNREGISTERED,
  },
  {
    method: 'allDocs.v0.instance_node_instance_list',
    body: ROOT,
    answer: list({
      title: 'shared',
      instance_guid: 'shared______1',
      software_type: 'default',
      state: 'started',
      parameters: {},
      compute_partition_id: 'slappart0',
    }),
    unknown: [NOBODY, NO_INSTANCE],
  },
  {
    method: 'allDocs.v0.compute_node_software_installation_list',
    body: NODE,
    answer: list({ software_release_uri: SOFTWARE, state: 'available' }),
    unknown: UNREGISTERED,
  },
  {
    method: 'post.v0.software_installation',
    body: INSTALLATION,
    optional: { state: 'destroyed' },
    answer: ok(`Supplied ${SOFTWARE} to be destroyed`),
    unknown: [{ ...INSTALLATION, ...OTHER }, 200],
  },
  {
    method: 'put.v0.software_installation_reported_state',
    body: { ...INSTALLATION, reported_state: 'building' },
    answer: ok('Ignored'),
    unknown: [{ ...INSTALLATION, ...OTHER, reported_state: 'available' }, 200],
  },
  {
    method: 'put.v0.software_installation_error',
    body: { ...INSTALLATION, message: '\u001b[31mred' },
    answer: ok('Ignored'),
    unknown: [{ ...INSTALLATION, ...OTHER, message: '' }, 200],
  },
  {
    method: 'put.v0.software_instance_reported_state',
    body: { ...CHILD, reported_state: 'destroyed' },
    answer: ok('Destroyed'),
    unknown: [{ ...NOBODY, reported_state: 'destroyed' }, NO_INSTANCE],
  },
  {
    method: 'put.v0.software_instance_error',
    body: { ...ROOT, message: '\u001b[31mred' },
    answer: ok('Ignored'),
    unknown: [{ instance_guid: 'x', message: '' }, 200],
  },
  {
    method: 'put.v0.software_instance_bang',
    body: { ...ROOT, message: '' },
    answer: ok('Bang handled'),
    unknown: [{ ...NOBODY, message: '' }, 200],
  },
  {
    method: 'put.v0.software_instance_title',
    body: { ...ROOT, title: 'other' },
    answer: ok('Renamed'),
    unknown: [{ ...NOBODY, title: 'x' }, 200],
  },
  {
    method: 'put.v0.software_instance_connection_parameter',
    body: { ...ROOT, connection_parameter_dict: { a: 1 } },
    answer: ok('Updated'),
    unknown: [{ ...NOBODY, connection_parameter_dict: {} }, 200],
  },
  { method: 'get.v0.software_instance_certificate', body: ROOT, answer: CERTIFICATE },
  {
    method: 'put.v0.compute_node_format',
    body: {
      ...NODE,
      compute_partition_list: [{ partition_id: 'p', ip_list: [{ 'ip-address': '::1' }] }],
    },
    answer: ok('Formatted'),
  },
  { method: 'put.v0.compute_node_bang', body: { ...NODE, message: 'm' }, answer: ok('Ignored') },
  {
    method: 'get.v0.compute_node_status',
    body: NODE,
    answer: expect.objectContaining({ text: '#access COMP-1', reference: 'COMP-1' }),
    unknown: [OTHER, 200],
  },
  {
    method: 'post.v0.compute_node_usage',
    body: { ...NODE, tioxml: '<journal/>' },
    answer: ok('Ignored'),
  },
  { method: 'post.v0.compute_node_certificate', body: NODE, answer: CERTIFICATE },
  { method: 'remove.v0.compute_node_certificate', body: NODE, answer: ok('Ignored') },
  { method: 'get.v0.hateoas_url', body: {}, answer: { hateoas_url: 'URL/hateoas/' } },
  { method: 'allDocs.WIP.compute_node_list', body: {}, answer: list(NODE) },
];

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

const refused = (status: number, type: string, title: unknown) => ({
  status,
  json: { status, type, title },
});

/** A refusal of the server, with nothing changed by it. */
async function expectBad(method: string, body: Body, title: RegExp): Promise<void> {
  const before = await world.content();
  const answer = await callMethod(world, method, body);
  expect([body, answer]).toMatchObject([
    body,
    refused(400, 'Bad Request', expect.stringMatching(title)),
  ]);
  expect(await world.content()).toBe(before);
}

const otherTypes = [null, 7, true, ['x'], 'x', { x: 1 }];
const typeOf = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);

describe.each(ROWS)('$method', ({ method, body, optional = {}, answer, unknown }) => {
  const full = { ...body, ...optional };

  test('answers', async () => {
    const { status, json, type } = await callMethod(world, method, full);
    const text = JSON.stringify(json).replace(world.url, 'URL/');
    expect([status, type, JSON.parse(text)]).toEqual([200, 'application/json', answer]);
    expect((await callMethod(world, method, body)).status).toBe(
      method.endsWith('reported_state') && body['reported_state'] === 'destroyed' ? 403 : 200,
    );
  });

  test('wants its properties, of their types and no others', async () => {
    for (const [name, value] of Object.entries(full)) {
      const { [name]: _left, ...rest } = full as Record<string, unknown>;
      if (name in body) await expectBad(method, rest, new RegExp(`lacks ${name}`));
      for (const other of otherTypes.filter((item) => typeOf(item) !== typeOf(value))) {
        await expectBad(method, { ...full, [name]: other }, new RegExp(`${name} is not`));
      }
    }
    await expectBad(method, { ...full, extra: '' }, /may not hold extra/);
  });

  test('knows what it does not know', async () => {
    if (unknown === undefined) return;
    const [about, expected] = unknown;
    const before = await world.content();
    const got = await callMethod(world, method, about);
    if (expected === 200) expect(got.status).toBe(200);
    else {
      expect(got).toMatchObject(refused(403, 'Forbidden', expected[1]));
      expect(await world.content()).toBe(before);
    }
  });

  test('is only for POST, and only for who takes JSON', async () => {
    const response = await fetch(`${world.url}slapos.${method}`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    const before = await world.content();
    const headers = { accept: 'text/html' };
    expect(await callMethod(world, method, full, headers)).toMatchObject(
      refused(406, 'Not Acceptable', expect.any(String)),
    );
    expect(await world.content()).toBe(before);
  });
});

test('every method of the specification has a row, and every row a method', () => {
  const methods = ROWS.map(({ method }) => `slapos.${method}`).sort();
  expect(methods).toEqual(Object.keys(RPC_METHODS).sort());
});

test('a state that is none, a title that is too long', async () => {
  for (const state of ['available', 'Started', '']) {
    await expectBad('post.v0.software_instance', { ...REQUEST, state }, /state is not one of/);
  }
  const title = '😀'.repeat(201);
  await expectBad('post.v0.software_instance', { ...REQUEST, title }, /longer than 200/);
  const longest = { ...REQUEST, title: title.slice(2) };
  expect((await callMethod(world, 'post.v0.software_instance', longest)).status).toBe(200);
});

test('a guid that is none', async () => {
  for (const [method, more] of [
    ['get.v0.software_instance', {}],
    ['allDocs.v0.instance_node_instance_list', {}],
    ['put.v0.software_instance_bang', { message: '' }],
    ['put.v0.software_instance_title', { title: 't' }],
    ['put.v0.software_instance_connection_parameter', { connection_parameter_dict: {} }],
    ['put.v0.software_instance_reported_state', { reported_state: 'destroyed' }],
  ] as const) {
    const body = { instance_guid: 'COMP-1-slappart0', ...more };
    expect([method, await callMethod(world, method, body)]).toMatchObject([
      method,
      refused(403, 'Forbidden', 'instance_guid COMP-1-slappart0 not handled.'),
    ]);
  }
});
