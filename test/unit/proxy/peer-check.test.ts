import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { READ_ROUTES } from '../../../src/proxy/routes-read.ts';
import { WRITE_ROUTES } from '../../../src/proxy/routes-write.ts';
import { RPC_METHODS } from '../../../src/proxy/rpc.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import {
  COMPUTER,
  describeEndpoint,
  ENDPOINTS,
  type Endpoint,
} from '../../support/peer-endpoints.ts';
import {
  BACK,
  FRONT,
  NOBODY,
  OTHER,
  type PeerScene,
  ROOT,
  startPeerScene,
} from '../../support/peer-scene.ts';
import { requestFields, SOFTWARE } from '../../support/proxy-fixture.ts';

const STRANGER = 1234;

let scene: PeerScene;

function post(path: string, form: Readonly<Record<string, string>>, headers = {}): Endpoint {
  return { path, allowed: 'own', form, headers };
}

function call(name: string, json: Readonly<Record<string, unknown>>, headers = {}): Endpoint {
  return { path: `/slapos.${name}`, allowed: 'own', json, headers };
}

function request(reference: string | null, fields = {}, headers = {}): Endpoint {
  const key = reference === null ? {} : { computer_id: COMPUTER, computer_partition_id: reference };
  return post('/requestComputerPartition', requestFields({ ...key, ...fields }), headers);
}

function sender(reference: string) {
  return {
    authorization: `X-SlapPartition computer_id=${COMPUTER}, computer_partition_id=${reference}`,
  };
}

describe('every endpoint', () => {
  beforeAll(async () => {
    scene = await startPeerScene();
  });
  afterAll(() => scene.close());

  const uses = (isFor: (endpoint: Endpoint) => boolean) =>
    ENDPOINTS.filter(isFor).map((endpoint) => [describeEndpoint(endpoint), endpoint] as const);

  it.each(uses(({ allowed }) => allowed === 'none'))('%s refuses its user', async (_, endpoint) => {
    expect((await scene.as(FRONT, endpoint)).status).toBe(403);
  });

  it.each(uses(({ allowed }) => allowed !== 'any'))('%s refuses others', async (_, endpoint) => {
    for (const uid of [BACK, OTHER]) {
      expect(await scene.as(uid, endpoint)).toMatchObject({
        status: 403,
        text: expect.stringContaining('peer_check: '),
      });
    }
  });

  it.each(uses(() => true))(
    '%s refuses strangers',
    async (_, endpoint) => {
      for (const uid of [STRANGER, NOBODY]) {
        expect(await scene.as(uid, endpoint)).toMatchObject({
          status: 403,
          text: expect.stringContaining(`peer_check: uid ${uid} has no partition of COMP-1`),
        });
      }
    },
    30_000,
  );

  it.each(uses(({ allowed }) => allowed !== 'none'))('%s answers its user', async (_, endpoint) => {
    const { status, text } = await scene.as(FRONT, endpoint);
    expect([200, 302], text).toContain(status);
  });

  it.each(uses(() => true))('%s answers root', async (_, endpoint) => {
    const { status, text } = await scene.as(ROOT, endpoint);
    expect(text).not.toContain('peer_check');
    // Nothing is stored where no cache is configured, and a root waits for its children.
    const isRefused = endpoint.path.startsWith('/shacache/') || text.includes('Not destroying yet');
    expect(isRefused || status === 200 || status === 302, text).toBe(true);
  });

  it('that this table does not know is for root and the like', async () => {
    const known = new Set(ENDPOINTS.map(({ path }) => path.split('?', 1)[0]));
    const isNew = (path: string) => !known.has(path);
    const paths = Object.keys(RPC_METHODS).map((name) => `/${name}`);
    for (const path of Object.keys(READ_ROUTES).filter(isNew)) {
      expect((await scene.as(FRONT, { path, allowed: 'none' })).status).toBe(403);
    }
    for (const path of [...Object.keys(WRITE_ROUTES), ...paths].filter(isNew)) {
      expect((await scene.as(FRONT, { path, allowed: 'none', json: {} })).status).toBe(403);
    }
  });
});

describe('peer_check', () => {
  beforeEach(async () => {
    scene = await startPeerScene();
    return () => scene.close();
  });

  it("says of a path that is nobody's that there is none", async () => {
    const answer = await scene.as(FRONT, { path: '/nobodys', allowed: 'none' });
    expect(answer).toMatchObject({ status: 404, text: expect.stringContaining('/nobodys') });
    expect((await scene.as(STRANGER, { path: '/nobodys', allowed: 'none' })).status).toBe(403);
  });

  it('lets listed users do everything', async () => {
    const supply = { url: SOFTWARE, computer_id: COMPUTER, state: 'available' };
    expect((await scene.as(4711, post('/supplySupply', supply))).status).toBe(200);
    expect((await scene.as(FRONT, post('/supplySupply', supply))).status).toBe(403);
  });

  it('has the cache of software read by every user of the machine', async () => {
    const read: Endpoint = { path: `/shacache/cache/${'0'.repeat(128)}`, allowed: 'any' };
    for (const uid of [STRANGER, NOBODY, FRONT]) {
      expect((await scene.as(uid, read)).text).toBe('Shacache not configured\n');
      const write = { ...read, body: 'content', method: 'PUT' };
      expect((await scene.as(uid, write)).text).toContain('peer_check: ');
    }
    expect((await scene.send(read, { kind: 'elsewhere' })).status).toBe(403);
  });

  it('refuses who cannot be known, and other machines that are not listed', async () => {
    const endpoint: Endpoint = { path: '/getRunId', allowed: 'any' };
    const unknown = await scene.send(endpoint, { kind: 'unknown', reason: 'closed' });
    expect(unknown).toEqual({
      status: 403,
      text: 'peer_check: nobody knows who asks: closed.\n',
    });
    expect((await scene.send(endpoint, { kind: 'elsewhere' })).text).toBe(
      'peer_check: 127.0.0.1 is another machine, and not in peer_check_networks.\n',
    );
  });

  it('shows a partition itself alone', async () => {
    const path = `/getFullComputerInformation?computer_id=${COMPUTER}`;
    await scene.as(
      ROOT,
      post('/supplySupply', { url: SOFTWARE, computer_id: COMPUTER, state: 'available' }),
    );
    const whole = (await scene.as(ROOT, { path, allowed: 'any' })).text;
    const own = (await scene.as(FRONT, { path, allowed: 'any' })).text;
    for (const title of ['front', 'back', 'other']) expect(whole).toContain(`of-${title}`);
    expect(own).toContain('of-front');
    expect(own).not.toMatch(/of-back|of-other|slappart[1-5]/);
    expect(own).toContain('<string>_software_release_list</string><list id="');
    expect(own).not.toContain('_requested_state</string><string>available');
    const other = await scene.as(FRONT, { path: path.replace('-1', '-2'), allowed: 'any' });
    expect(other.status).toBe(403);
  });

  it('takes no request without a partition, nor in the name of another one', async () => {
    expect((await scene.as(FRONT, request(null))).text).toContain('must name its partition');
    expect((await scene.as(FRONT, request('slappart2'))).status).toBe(403);
    expect((await scene.as(FRONT, request('slappart0', {}, sender('slappart2')))).status).toBe(403);
    expect((await scene.as(FRONT, request('slappart2', {}, sender('slappart0')))).status).toBe(403);
    expect((await scene.as(FRONT, request(null, {}, sender('slappart0')))).status).toBe(200);
    const elsewhere = { computer_id: 'COMP-2' };
    expect((await scene.as(FRONT, request('slappart0', elsewhere))).status).toBe(403);
    const rpc = { title: 'r', software_release_uri: SOFTWARE, software_type: 'default' };
    expect((await scene.as(FRONT, call('post.v0.software_instance', rpc))).status).toBe(403);
  });

  it('takes no claim of another partition in a header, whatever the endpoint', async () => {
    const endpoint = { path: '/getRunId', allowed: 'any', headers: sender('slappart1') } as const;
    expect((await scene.as(FRONT, endpoint)).text).toBe(
      'peer_check: slappart1 of COMP-1 is not of uid 1000.\n',
    );
    const headers = { 'x-computer-id': COMPUTER, 'x-computer-partition-id': 'slappart1' };
    expect((await scene.as(FRONT, { ...endpoint, headers })).status).toBe(403);
  });

  it('lets a partition read what its tree requested, and that of no other tree', async () => {
    const read = (instance_guid: string) => call('get.v0.software_instance', { instance_guid });
    expect((await scene.as(FRONT, read('back___front___0'))).text).toContain('of-back');
    for (const guid of ['other______0', 'back___other___0', 'none___front___1']) {
      expect((await scene.as(FRONT, read(guid))).text).toContain('peer_check: ');
    }
    expect((await scene.as(BACK, read('front______0'))).status).toBe(403);
  });

  it('leaves the titles of roots to users', async () => {
    const key = { computer_id: COMPUTER, computer_partition_id: 'slappart1' };
    const rename = post('/softwareInstanceRename', { ...key, new_name: 'rear' });
    expect((await scene.as(BACK, rename)).text).toBe('done');
    const guid = { instance_guid: 'rear___front___0', title: 'tail' };
    const again = call('put.v0.software_instance_title', guid);
    expect((await scene.as(BACK, again)).status).toBe(200);
  });

  it('publishes for the slaves that a partition serves only', async () => {
    const slave = { shared_xml: true, partition_reference: 'site' };
    await scene.as(ROOT, request(null, slave));
    const publish = (reference: string) =>
      post('/setComputerPartitionConnectionXml', {
        computer_id: COMPUTER,
        computer_partition_id: reference,
        slave_reference: '_site',
        connection_xml: encodeMarshal({ by: reference }),
      });
    expect((await scene.as(OTHER, publish('slappart2'))).text).toContain('is not served by');
    expect((await scene.as(FRONT, publish('slappart0'))).status).toBe(200);
    const rpc = call('put.v0.software_instance_connection_parameter', {
      instance_guid: 'site______1',
      connection_parameter_dict: { by: 'rpc' },
    });
    expect((await scene.as(OTHER, rpc)).status).toBe(403);
    expect((await scene.as(FRONT, rpc)).status).toBe(200);
  });

  it('looks again in the transaction that carries a request out', async () => {
    await scene.as(ROOT, request(null, { shared_xml: true, partition_reference: 'site' }));
    const write = scene.store.write.bind(scene.store);
    const slave = { reference: '_site', computerReference: COMPUTER };
    Object.assign(scene.store, {
      write: async (work: Parameters<typeof write>[0]) => {
        await write((tables) => tables.updateSlave(slave, { hostedBy: 'slappart2' }));
        return write(work);
      },
    });
    const late = post('/setComputerPartitionConnectionXml', {
      computer_id: COMPUTER,
      computer_partition_id: 'slappart0',
      slave_reference: '_site',
      connection_xml: encodeMarshal({ by: 'slappart0' }),
    });
    expect((await scene.as(FRONT, late)).text).toContain('_site is not served by slappart0');
    const row = await scene.store.read((tables) => tables.getSlave(slave));
    expect(row).toMatchObject({ hostedBy: 'slappart2', connectionXml: null });
  });

  it('keeps slaves of trees with similar names apart', async () => {
    const key = { computer_id: COMPUTER, computer_partition_id: 'slappart2' };
    await scene.as(ROOT, post('/softwareInstanceRename', { ...key, new_name: 'front_end' }));
    const slave = { shared_xml: true };
    const ours = await scene.as(
      OTHER,
      request('slappart2', { ...slave, partition_reference: 'x' }),
    );
    expect(ours.status, ours.text).toBe(200);
    const same = { ...slave, partition_reference: 'end_x' };
    expect((await scene.as(FRONT, request('slappart0', same))).text).toContain(
      'front_end_x was requested by others than the tree of front',
    );
    const rpc = {
      title: 'end_x',
      software_release_uri: SOFTWARE,
      software_type: 'default',
      shared: true,
    };
    const named = call('post.v0.software_instance', rpc, sender('slappart0'));
    expect((await scene.as(FRONT, named)).status).toBe(403);
    const guid = { instance_guid: 'end_x___front___1' };
    expect((await scene.as(BACK, call('get.v0.software_instance', guid))).status).toBe(403);
  });

  it('sees at once that a partition was given to a user, and soon that it was taken', async () => {
    const endpoint: Endpoint = {
      path: `/registerComputerPartition?computer_reference=${COMPUTER}&computer_partition_reference=slappart3`,
      allowed: 'own',
    };
    expect((await scene.as(STRANGER, endpoint)).status).toBe(403);
    scene.owners.set('slappart3', STRANGER);
    expect((await scene.as(STRANGER, endpoint)).status).toBe(200);
    scene.owners.set('slappart3', ROOT);
    await expect
      .poll(async () => (await scene.as(STRANGER, endpoint)).status, { timeout: 10_000 })
      .toBe(403);
  });
});
