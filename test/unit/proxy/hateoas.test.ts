/** The REST subset of the clients (spec/proxy.md 10) over real HTTP and a real database. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
});
afterEach(() => proxy.close());

const on = (partitionId: string) => ({ computerId: 'COMP-1', partitionId });
async function ask(title: string, requester?: string) {
  const changes = requester === undefined ? {} : { requester: on(requester) };
  const { partition } = await proxy.master.requestInstance(instanceRequest(title, changes));
  return partition?.partitionId;
}

describe('hateoas', () => {
  beforeEach(async () => {
    await proxy.master.loadComputerConfiguration(computerDocument(3));
    await proxy.master.requestInstance(instanceRequest('my "first" é', { parameters: { a: 'b' } }));
    await ask('child', 'slappart0');
    await proxy.master.requestInstance(
      instanceRequest('shared', { isShared: true, parameters: { p: '1' } }),
    );
    await proxy.master.setConnection(on('slappart0'), { url: 'http://x/' });
  });

  const get = async (query: Record<string, string>) => {
    const response = await fetch(`${proxy.url}hateoas/?${new URLSearchParams(query)}`);
    return { status: response.status, body: await response.text() };
  };
  const search = async (query: string) => {
    const { body } = await get({ mode: 'search', query, select_list: 'title' });
    return (
      JSON.parse(body) as {
        _embedded: {
          contents: Array<{ title: string; relative_url: string; url_string?: string }>;
        };
      }
    )._embedded.contents;
  };
  const TREES = 'portal_type:"Instance Tree" AND validation_state:validated';
  const COMPUTERS = 'portal_type:"Compute Node" AND validation_state:validated';

  test('a title of any length leads to its document', async () => {
    const title = 'é'.repeat(600);
    await ask(title);
    const response = await fetch(`${proxy.url}hateoas/partitions/${encodeURIComponent(title)}`);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain(title);
  });

  test('a child is no row of a search, but its document is there', async () => {
    expect(await search(`${TREES} AND title:="child"`)).toEqual([]);
    const response = await fetch(`${proxy.url}hateoas/partitions/child`);
    const { _embedded: embedded } = (await response.json()) as {
      _embedded: { _view: Record<string, { default: unknown }> };
    };
    expect(embedded._view['my_reference']?.default).toBe('child');
    expect((await fetch(`${proxy.url}hateoas/partitions/other`)).status).toBe(404);
  });

  test('lists roots and root slaves, then documents', async () => {
    const rows = await search(TREES);
    expect(rows.map((row) => [row.title, row.url_string])).toEqual([
      ['my "first" é', SOFTWARE],
      ['shared', SOFTWARE],
    ]);
    const found = await search(`${TREES} AND title:="my \\"first\\" é"`);
    expect(found).toHaveLength(1);
    const document = await get({
      mode: 'traverse',
      relative_url: found[0]?.relative_url ?? '',
      view: 'slaposjs_view',
    });
    const { _embedded } = JSON.parse(document.body) as {
      _embedded: { _view: Record<string, { default: unknown }> };
    };
    expect(_embedded._view).toMatchObject({
      my_slap_state: { default: 'started' },
      my_text_content: { default: expect.stringContaining('<parameter id="a">b</parameter>') },
      my_connection_parameter_list: { default: expect.stringContaining('http://x/') },
      my_url_string: { default: SOFTWARE },
      my_root_slave: { default: 0, type: 'IntegerField' },
    });
    const shared = await get({
      mode: 'traverse',
      relative_url: '/hateoas/shared/shared',
      view: 'v',
    });
    expect(JSON.parse(shared.body)._embedded._view).toMatchObject({
      my_root_slave: { default: 1 },
      my_slap_state: { default: 'unused' },
      my_text_content: {
        default: expect.stringMatching(
          /<instance>\n {2}<parameter id="p">1<\/parameter>\n<\/instance>/,
        ),
      },
    });
  });

  test('lists computers', async () => {
    expect(await search(COMPUTERS)).toMatchObject([{ title: 'COMP-1', reference: 'COMP-1' }]);
    expect(await search(`${COMPUTERS} AND reference:="COMP-9"`)).toEqual([]);
    const document = await get({
      mode: 'traverse',
      relative_url: '/hateoas/computers/COMP-1',
      view: 'v',
    });
    expect(JSON.parse(document.body)._embedded._view.my_reference.default).toBe('COMP-1');
  });

  test.each([
    [{ mode: 'search', query: 'x' }, 400],
    [{ mode: 'search' }, 400],
    [{ mode: 'search', query: `${TREES} AND title:="a"b"` }, 400],
    [{ mode: 'search', query: `${TREES} AND title:=a` }, 400],
    [{ mode: 'search', query: `${TREES} AND reference:="a"` }, 400],
    [{ mode: 'zzz' }, 400],
    [{ mode: 'traverse', relative_url: '/hateoas/partitions/nope' }, 404],
    [{ mode: 'traverse', relative_url: 'https://elsewhere/' }, 404],
    [{ mode: 'traverse', relative_url: '//elsewhere/hateoas/' }, 404],
    // What no header holds.
    [{ mode: 'traverse', relative_url: '/hateoas/partitions/\x01' }, 400],
    [{ mode: 'traverse', relative_url: '/hateoas/partitions/\u0101' }, 404],
  ])('%j', async (query, status) => {
    expect((await get(query as unknown as Record<string, string>)).status).toBe(status);
  });

  test('the address of the API as the client sees it', async () => {
    expect(await proxy.master.getHateoasUrl()).toBe(`${proxy.url}hateoas/`);
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/pre' };
    const text = await (await fetch(`${proxy.url}getHateoasUrl`, { headers })).text();
    expect(text).toBe(`${proxy.url.replace('http:', 'https:')}pre/hateoas/`);
  });
});
