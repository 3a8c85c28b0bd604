/** What a user owns, from a real proxy and from Masters as they answer (spec/cli.md 6.5). */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ProxyClient, startProxyClient } from '../../../support/proxy-client.ts';
import { SOFTWARE } from '../../../support/proxy-fixture.ts';
import { runSlapos } from '../../../support/run-slapos.ts';
import { startScriptedServer } from '../../../support/scripted-server.ts';

let proxy: ProxyClient;
beforeEach(async () => {
  proxy = await startProxyClient();
});
afterEach(() => proxy.close());

const slapos = (...words: string[]) => proxy.slapos(...words);
const file = (name: string, text: string) => proxy.file(name, text);

describe('services and computers', () => {
  test('none', async () => {
    expect(await slapos('service', 'list')).toEqual({ status: 0, stdout: '{}\n', stderr: '' });
  });

  test('list and info', async () => {
    await slapos('request', 'b "x" é', 'hello', '--parameters', 'k=v');
    await slapos('request', 'a', 'https://other/');
    await slapos('request', 's', 'hello', '--slave');
    await proxy.master.setConnection(
      { computerId: 'COMP-1', partitionId: 'slappart0' },
      { _: '{"url": "http://x/"}' },
    );
    expect((await slapos('service', 'list')).stdout).toBe(`{
  "a": "https://other/",
  "b \\"x\\" \\u00e9": "${SOFTWARE}",
  "s": "${SOFTWARE}"
}
`);
    const info = await slapos('service', 'info', 'b "x" é', '--news');
    expect(Object.entries(JSON.parse(info.stdout))).toEqual([
      ['software-url', SOFTWARE],
      ['software-type', 'default'],
      ['shared', false],
      ['requested-state', 'started'],
      ['instance-parameters', { k: 'v' }],
      ['connection-parameters', { url: 'http://x/' }],
      ['status', 'unsupported'],
    ]);
    const shared = JSON.parse((await slapos('info', 's')).stdout);
    expect(shared).toMatchObject({ shared: true });
    // No partition of this machine.
    const told = JSON.parse((await slapos('service', 'info', 's', '--format', 'json')).stdout);
    expect(told).toEqual({ ...shared, partition: null });
  });

  test('what does not exist', async () => {
    const service = await slapos('service', 'info', 'nope');
    expect([service.status, service.stdout]).toEqual([2, '']);
    expect(service.stderr).toContain('WARNING Instance nope does not exist.');
    expect(await slapos('computer', 'info', 'nope')).toEqual({
      status: 2,
      stdout: 'Computer nope does not exist.\n',
      stderr: '',
    });
  });

  test('computers', async () => {
    expect((await slapos('computer', 'list')).stdout).toBe('List of Computers:\nCOMP-1 COMP-1\n');
    expect((await slapos('computer', 'info', 'COMP-1')).stdout).toBe(
      'Computer Reference: COMP-1\nComputer Title    : COMP-1\n',
    );
    const token = await slapos('computer', 'token');
    expect([token.status, token.stdout]).toEqual([1, '']);
  });

  test('as JSON, and as a table that fits a terminal', async () => {
    const json = async (...words: string[]) => {
      const { status, stdout } = await slapos(...words, '--format', 'json');
      return [status, stdout === '' ? '' : JSON.parse(stdout)];
    };
    expect(await json('computer', 'list')).toEqual([0, [{ reference: 'COMP-1', title: 'COMP-1' }]]);
    expect(await json('computer', 'info', 'COMP-1')).toEqual([
      0,
      { reference: 'COMP-1', title: 'COMP-1' },
    ]);
    expect(await json('computer', 'info', 'nope')).toEqual([2, '']);
    await slapos('request', 'a', `https://x/${'s'.repeat(90)}.cfg`);
    expect((await slapos('service', 'list', '--format', 'table')).stdout).toContain(
      `   a   https://x/${'s'.repeat(90)}.cfg \n`,
    );
    const words = [
      'service',
      'list',
      '--format',
      'table',
      '--cfg',
      join(proxy.folder, 'client.cfg'),
    ];
    const { stdout } = await runSlapos(words, { isTerminal: true, env: { COLUMNS: '40' } });
    const lines = stdout.split('\n');
    expect(lines.map((line) => line.length)).toEqual([40, 40, 40, 40, 40, 0]);
    expect(lines[3]).toMatch(/^ {3}a {3}https:\/\/x\/s+… $/);
  });

  test.each([
    [{ body: '{"access_token": "T"}' }, 0, 'Computer token: T\n', ''],
    [{ body: '{}' }, 1, '', 'gives no tokens'],
    [{ body: '<html>' }, 1, '', 'gives no tokens'],
    [{ status: 404 }, 1, '', 'gives no tokens'],
    [{ status: 410 }, 1, '', 'gives no tokens'],
    [{ status: 403 }, 1, '', 'SLAPOS_ERR_MASTER_UNAUTHENTICATED'],
    [{ status: 503 }, 1, '', 'SLAPOS_ERR_MASTER_UNAVAILABLE'],
  ])('a token that is answered by %j', async (answer, status, stdout, said) => {
    const server = await startScriptedServer(({ target }) => {
      if (target.endsWith('/Base_getComputerToken')) return answer;
      const href = `${server.url}?mode={mode}`;
      return { body: JSON.stringify({ _links: { raw_search: { href }, traverse: { href } } }) };
    });
    const text = `[slapos]\nmaster_url = ${server.url}\nmaster_rest_url = ${server.url}\n`;
    const run = await runSlapos(['computer', 'token', '--cfg', file('other.cfg', text)]);
    expect([run.status, run.stdout, run.stderr]).toEqual([
      status,
      stdout,
      expect.stringContaining(said),
    ]);
    await server.close();
  });

  test('a computer whose title would command the terminal', async () => {
    const server = await startScriptedServer(({ target }) => {
      const href = `${server.url}?mode={mode}`;
      const start = { _links: { raw_search: { href }, traverse: { href } } };
      const rows = { _embedded: { contents: [{ reference: 'C\n1', title: 'a\u001b]0;x\u0007' }] } };
      return { body: JSON.stringify(target === '/api/' ? start : rows) };
    });
    const text = `[slapos]\nmaster_url = ${server.url}\nmaster_rest_url = ${server.url}api/\n`;
    const path = file('other.cfg', text);
    expect((await runSlapos(['computer', 'list', '--cfg', path])).stdout).toBe(
      'List of Computers:\nC\\n1 a\\x1b]0;x\\x07\n',
    );
    await server.close();
  });

  test('a Master as it answers: templates, pairs, news, token', async () => {
    const server = await startScriptedServer(({ target }) => {
      const base = server.url;
      const url = new URL(target, base);
      const json = (value: unknown) => ({ body: JSON.stringify(value) });
      if (url.pathname === '/api/') {
        const query = `${base}search?mode=search{&query,select_list*,limit*}`;
        const links = {
          raw_search: { href: query },
          traverse: { href: `${base}get{?relative_url,view}` },
          self: { href: `${base}web` },
        };
        return json({ _links: links });
      }
      if (url.pathname === '/web/computer_module/Base_getComputerToken')
        return json({ access_token: 'T' });
      if (url.pathname === '/search')
        return json({ _embedded: { contents: [{ title: 'i', relative_url: 'tree/1' }] } });
      const fields = {
        my_slap_state: { default: 'started' },
        my_text_content: { default: '<instance><parameter id="_">{"a": 1}</parameter></instance>' },
        your_connection_parameter_list: {
          default: [{ connection_key: 'k', connection_value: 'v' }],
        },
        my_url_string: { default: 'u' },
        my_root_slave: { default: 1 },
        my_source_reference: { default: 't' },
        my_news: {
          default: { instance: [{ text: '#access ok' }, { text: 'an #error' }], computer: 1 },
        },
      };
      return json({ _links: { type: { name: 'Instance Tree' } }, _embedded: { _view: fields } });
    });
    const path = file(
      'other.cfg',
      `[slapos]\nmaster_url = ${server.url}\nmaster_rest_url = ${server.url}api/\n`,
    );
    const info = JSON.parse(
      (await runSlapos(['service', 'info', 'i', '--news', '--cfg', path])).stdout,
    );
    expect(info).toMatchObject({
      'instance-parameters': { _: { a: 1 } },
      'connection-parameters': { k: 'v' },
      status: 'green',
      shared: true,
      news: [{ text: '#access ok' }, { text: 'an #error' }],
    });
    expect(server.seen[1]?.target).toContain(
      'select_list=title&select_list=reference&select_list=relative_url&limit=10000',
    );
    expect((await runSlapos(['computer', 'token', '--cfg', path])).stdout).toBe(
      'Computer token: T\n',
    );
    await server.close();
  });

  test('a Master without the API, and one that is slapproxy without getHateoasUrl', async () => {
    const server = await startScriptedServer(({ target }) => {
      if (!target.startsWith('/proxy/hateoas/')) return { status: 404 };
      if (target === '/proxy/hateoas/') {
        const href = `${server.url}proxy/hateoas/?mode={mode}&query={query}`;
        return { body: JSON.stringify({ _links: { raw_search: { href }, traverse: { href } } }) };
      }
      return { body: '{"_embedded":{"contents":[]}}' };
    });
    const run = (url: string) =>
      runSlapos(['service', 'list', '--cfg', file('other.cfg', `[slapos]\nmaster_url = ${url}\n`)]);
    const none = await run(server.url);
    expect([none.status, none.stderr]).toEqual([
      1,
      expect.stringContaining(
        'SlapOS Master Hateoas API required for this operation is not available.',
      ),
    ]);
    expect((await run(`${server.url}proxy`)).stdout).toBe('{}\n');
    await server.close();
  });
});
