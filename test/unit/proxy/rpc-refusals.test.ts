/** What the JSON-RPC API refuses (spec/proxy.md 9). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import { type ProxyFixture, postForm, startProxy } from '../../support/proxy-fixture.ts';
import { callMethod, refusedByMethod as refused } from '../../support/rpc-call.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
});
afterEach(() => proxy.close());

const call = (method: string, body?: unknown, headers?: Record<string, string>) =>
  callMethod(proxy, method, body, headers);

const bad = (title: unknown) => ({
  status: 400,
  json: { status: 400, type: 'Bad Request', title },
});

test.each<[string, unknown, RegExp]>([
  ['get.v0.hateoas_url', { x: 1 }, /may not hold x/],
  ['get.v0.hateoas_url', [], /not a JSON object/],
  ['get.v0.hateoas_url', 'x', /not valid JSON/],
  ['get.v0.hateoas_url', '', /not valid JSON/],
  ['get.v0.software_instance', {}, /lacks instance_guid/],
  ['get.v0.software_instance', { instance_guid: 1 }, /not of type string/],
  ['post.v0.software_instance', { title: 'a', software_type: '' }, /lacks software_release_uri/],
  ['put.v0.software_instance_title', { instance_guid: '', title: 'é'.repeat(201) }, /longer/],
  ['put.v0.compute_node_format', { computer_guid: 'C', compute_partition_list: {} }, /array/],
  [
    'put.v0.compute_node_format',
    { computer_guid: 'C', compute_partition_list: [{ partition_id: 'p', ip_list: [{ x: '' }] }] },
    /lacks ip-address/,
  ],
])('%s %j', async (method, body, title) => {
  expect(await call(method, body)).toMatchObject(bad(expect.stringMatching(title)));
});

test.each(['', 'x', 'a___b', 'a___b___2', 'a___b___c', '___1'])(
  'guid %j is not handled',
  async (guid) => {
    for (const method of ['get.v0.software_instance', 'allDocs.v0.instance_node_instance_list']) {
      expect(await call(method, { instance_guid: guid })).toMatchObject(
        refused(`instance_guid ${guid} not handled.`),
      );
    }
  },
);

test('a body that is not announced as JSON', async () => {
  const { status } = await call('get.v0.hateoas_url', '{}', { 'content-type': 'text/plain' });
  expect([400, 415]).toContain(status);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await call('get.v0.hateoas_url', '{}', form)).status).toBe(400);
});

test('a client that takes no JSON', async () => {
  expect(await call('get.v0.hateoas_url', {}, { accept: 'text/html' })).toMatchObject({
    status: 406,
    json: { status: 406, type: 'Not Acceptable' },
  });
  const accepted = await call('get.v0.hateoas_url', {}, { accept: 'text/html, */*;q=0.1' });
  expect(accepted.status).toBe(200);
});

test('another method, another name', async () => {
  const url = `${proxy.url}slapos.get.v0.hateoas_url`;
  const response = await fetch(url);
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('POST');
  expect((await postForm(`${proxy.url}slapos.get.v1.hateoas_url`, {})).status).toBe(404);
});

test('all methods of the specification are there', () => {
  expect(Object.keys(RPC_METHODS)).toHaveLength(25);
});
