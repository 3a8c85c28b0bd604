/** The client commands against a real proxy (spec/cli.md 6, edge cases). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../../src/slap/marshal.ts';
import { MarshalObject } from '../../../../src/slap/marshal-value.ts';
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

const partitionOf = (reference: string) => {
  return proxy.master.registerComputerPartition({ computerId: 'COMP-1', partitionId: reference });
};

describe('supply and remove', () => {
  test.each([
    ['hello', SOFTWARE],
    ['product.kvm', 'https://example.com/kvm.cfg'],
    ['https://x/s.cfg', 'https://x/s.cfg'],
  ])('%s', async (name, url) => {
    const supplied = await slapos('supply', name, 'COMP-1');
    expect([supplied.status, supplied.stdout]).toEqual([0, '']);
    expect(supplied.stderr).toContain(`Requesting software installation of ${url}...`);
    expect(supplied.stderr).toMatch(/INFO Done\.\n$/);
    const list = async () =>
      (await proxy.master.getFullComputerInformation('COMP-1')).softwareReleases;
    expect(await list()).toEqual([{ url, computerId: 'COMP-1', requestedState: 'available' }]);
    const removed = await slapos('remove', name, 'COMP-1');
    expect(removed.stderr).toContain(`Requesting deletion of ${url} Software Release...`);
    expect(await list()).toMatchObject([{ requestedState: 'destroyed' }]);
  });

  test('a product without a release', async () => {
    const { status, stderr } = await slapos('supply', 'product.nope', 'COMP-1');
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('Software product nope has no release.'),
    ]);
  });
});

describe('request', () => {
  test('shows state and connection parameters', async () => {
    const first = await slapos(
      'request',
      'my "i" é',
      'hello',
      '--parameters',
      'a=1',
      'b=x=y',
      '--node',
      'computer_guid=COMP-1',
    );
    expect([first.status, first.stdout]).toEqual([0, '']);
    expect(first.stderr).toContain('INFO Instance requested.\nState is : started.\n');
    expect(first.stderr).toContain('INFO {}\n');
    expect((await partitionOf('slappart0')).parameters).toMatchObject({
      a: '1',
      b: 'x=y',
      instance_title: 'my "i" é',
    });
    await proxy.master.setConnection(
      { computerId: 'COMP-1', partitionId: 'slappart0' },
      { url: 'http://x/', e: '' },
    );
    const again = await slapos(
      'request',
      'my "i" é',
      'hello',
      '--state',
      'stopped',
      '--type',
      'default',
    );
    expect(again.stderr).toContain("INFO {'e': None, 'url': 'http://x/'}\n");
    expect(again.stderr).toContain('State is : stopped.');
  });

  test('a JSON parameter is shown as what it holds', async () => {
    await slapos('request', 'i', 'hello');
    const connection = { _: '{"b": 1.0, "a": [null, true]}' };
    await proxy.master.setConnection(
      { computerId: 'COMP-1', partitionId: 'slappart0' },
      connection,
    );
    const local = file('software.cfg', '');
    await slapos('request', 'i', local);
    expect((await slapos('request', 'i', local)).stderr).toContain("{'a': [None, True], 'b': 1.0}");
    file('software.cfg.json', '{"serialisation": "xml"}');
    expect((await slapos('request', 'i', local)).stderr).toContain(
      `{'_': '{"b": 1.0, "a": [null, true]}'}`,
    );
  });

  test('a parameters file is sent as the schema of the software says', async () => {
    const json = file('p.json', '{"foo": ["bar"], "n": 1.0}');
    const local = file('software.cfg', '');
    const unknown = await slapos('request', 'i', local, '--parameters-file', json);
    expect([unknown.status, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('--force-serialisation'),
    ]);
    file(
      'software.cfg.json',
      '{"serialisation": "json-in-xml", "software-type": {"flat": {"serialisation": "xml"}}}',
    );
    await slapos('request', 'i', local, '--parameters-file', json);
    expect((await partitionOf('slappart0')).parameters?.['_']).toBe(
      '{\n  "foo": [\n    "bar"\n  ],\n  "n": 1.0\n}',
    );
    await slapos('request', 'i', local, '--parameters-file', json, '--type', 'flat');
    expect((await partitionOf('slappart0')).parameters).toMatchObject({ foo: "['bar']", n: '1.0' });
    await slapos('request', 'i', local, '--parameters-file', json, '--force-serialisation', 'xml');
    expect((await partitionOf('slappart0')).parameters).toMatchObject({ n: '1.0' });
    const xml = file('p.xml', '<instance><parameter id="a">x</parameter></instance>');
    await slapos('request', 'i', local, '--parameters-file', xml);
    expect((await partitionOf('slappart0')).parameters).toMatchObject({ a: 'x' });
  });

  test('a shared instance', async () => {
    await slapos('request', 'host', 'hello');
    const { status, stderr } = await slapos(
      'request',
      's',
      'hello',
      '--slave',
      '--parameters',
      'a=1',
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining('State is : started.')]);
    expect((await partitionOf('slappart0')).parameters?.['slave_instance_list']).toMatchObject([
      { slave_reference: '_s', a: '1' },
    ]);
  });

  test('no free partition', async () => {
    for (const title of ['a', 'b', 'c']) await slapos('request', title, 'hello');
    const { status, stderr } = await slapos('request', 'd', 'hello');
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('No free computer partition found for: d'),
    ]);
  });

  test.each([
    [['--parameters', 'foo=bar', 'foo=baz'], "Multiple values provided for the same key 'foo'"],
    [['--node', 'x'], "--node takes KEY=VALUE, not 'x'."],
  ])('%j is refused', async (words, message) => {
    const { status, stderr } = await slapos('request', 'i', 'hello', ...words);
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect((await partitionOf('slappart0')).softwareReleaseUrl).toBeNull();
  });

  test('a Master that is not ready yet', async () => {
    const server = await startScriptedServer(() => ({ status: 408 }));
    const path = file('other.cfg', `[slapos]\nmaster_url = ${server.url}\n`);
    const { status, stderr } = await runSlapos(['request', 'i', 'u', '--cfg', path]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/WARNING .*provisioning/)]);
    await server.close();
  });

  test('defaults of section slapconsole', async () => {
    const instance = new MarshalObject('SoftwareInstance', [], { slap_computer_id: 'C' });
    const server = await startScriptedServer(() => ({ body: encodeMarshal(instance) }));
    const text = `[slapos]\nmaster_url = ${server.url}\n[slapconsole]\ntype = demo\nstate = stopped\n`;
    await runSlapos(['request', 'i', 'os', '--cfg', file('other.cfg', text)]);
    const form = Object.fromEntries(new URLSearchParams(server.seen[0]?.body));
    expect(form).toMatchObject({
      software_type: 'demo',
      state: encodeMarshal('stopped'),
      software_release: 'os',
    });
    await server.close();
  });
});

describe('node bang', () => {
  test.each([
    [['-mhi'], "'hi'"],
    [['--mess', "it's"], `"it's"`],
    [[], 'None'],
  ])('%j', async (words, shown) => {
    const { status, stdout } = await slapos('node', 'bang', ...words);
    expect([status, stdout]).toEqual([
      0,
      `Banging to '${proxy.url}'\nBang with message ${shown}\n`,
    ]);
  });

  test('the Master is down', async () => {
    const path = file('down.cfg', '[slapos]\nmaster_url = http://127.0.0.1:1/\ncomputer_id = C\n');
    const { status, stderr } = await runSlapos(['node', 'bang', '--cfg', path]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('SLAPOS_ERR_MASTER_UNAVAILABLE')]);
  });
});
