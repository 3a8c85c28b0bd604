/**
 * One database whose proxy is ours and upstream's in turns, with changes in between and some of the
 * proxies killed: answers and rows are those of upstream's proxy alone. Backups go both ways.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { findInteropPython } from '../support/interop-release.ts';
import { computerDocument, SOFTWARE } from '../support/proxy-fixture.ts';
import { ask, askOurs, type Call, get, normalise, post, rpc } from '../support/proxy-peers.ts';
import { RealNode, type Side } from '../support/real-node.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const PORT = 5440;
/** For a machine that does something else too. */
const TIMEOUT_MS = 180_000;

const on = (id: string) => ({ computer_id: 'COMP-1', computer_partition_id: id });
const publish = (id: string, connection: Readonly<Record<string, string>>, slave = 'None') =>
  post('setComputerPartitionConnectionXml', {
    ...on(id),
    connection_xml: encodeMarshal(connection),
    slave_reference: slave,
  });
const parameters = { n: 1, a: 'é & <', l: ['x', null] };

/** What is done in each turn. */
const TURNS: ReadonlyArray<readonly Call[]> = [
  [
    post('loadComputerConfigurationFromXML', { xml: computerDocument(6) }),
    post('supplySupply', { url: SOFTWARE, computer_id: 'COMP-1', state: 'available' }),
    ask('first', { partition_parameter_xml: parameters }),
  ],
  [ask('child', on('slappart0')), ask('second', { software_type: 'big' })],
  [
    ask('slave', { shared_xml: true, partition_parameter_xml: { k: [1, 'é'] } }),
    ask('slave', { shared_xml: true, ...on('slappart2') }),
  ],
  [
    publish('slappart0', { url: 'http://é/?a=1&b=<2>', e: '' }),
    publish('slappart0', { key: 'slave' }, '_slave'),
    ask('first', { partition_parameter_xml: parameters }),
  ],
  [
    ask('first', { partition_parameter_xml: { ...parameters, n: 2 } }),
    ask('grandchild', on('slappart1')),
    publish('slappart3', { key: 'grandchild' }),
  ],
  [
    post('supplySupply', { url: SOFTWARE, computer_id: 'COMP-1', state: 'destroyed' }),
    post('supplySupply', { url: "it's", computer_id: 'COMP-1', state: 'available' }),
    ask('first', { state: 'stopped' }),
    ask('child', on('slappart0')),
  ],
  [
    post('destroyedSoftwareRelease', { url: SOFTWARE, computer_id: 'COMP-1' }),
    ask('second', { software_type: 'big', state: 'destroyed' }),
    post('destroyedComputerPartition', on('slappart2')),
  ],
  [
    post('softwareInstanceRename', { ...on('slappart0'), new_name: 'renamed' }),
    ask('child', on('slappart0')),
    rpc('put.v0.compute_node_format', {
      computer_guid: 'COMP-2',
      compute_partition_list: [
        {
          partition_id: 'p0',
          ip_list: [{ 'ip-address': '::1', 'network-interface': 'l', netmask: 'n' }],
        },
      ],
    }),
  ],
  [
    ask('third', { state: 'stopped' }),
    ask('far', { filter_xml: { computer_guid: 'COMP-2' } }),
    rpc('put.v0.software_instance_title', { instance_guid: 'third______0', title: 'fourth' }),
  ],
  [
    ask('renamed', { state: 'started' }),
    ask('child', { ...on('slappart0'), state: 'started' }),
    publish('slappart1', { key: 'child' }),
  ],
];

/** After each turn. */
const LOOK: readonly Call[] = [
  get('getFullComputerInformation', { computer_id: 'COMP-1' }),
  get('hateoas/', {
    mode: 'search',
    query: 'portal_type:"Instance Tree" AND validation_state:validated',
    select_list: 'title',
  }),
  rpc('allDocs.v0.compute_node_instance_list', { computer_guid: 'COMP-1' }),
];

describe.skipIf(note !== '')(`one database in turns${note}`, { timeout: TIMEOUT_MS }, () => {
  let turns: RealNode;
  let alone: RealNode;

  beforeAll(() => {
    turns = new RealNode({ folder: '/srv/turns', port: PORT, python });
    alone = new RealNode({ folder: '/srv/alone', port: PORT + 1, python });
  });
  afterAll(async () => {
    await Promise.all([turns.remove(), alone.remove()]);
  });

  it('begins with version 17 and goes on with 18, ten times', async () => {
    await alone.startProxy('upstream');
    for (const [index, calls] of TURNS.entries()) {
      const side = index % 2 === 0 ? 'ours' : 'upstream';
      await turns.startProxy(side);
      const [found, wanted] = await Promise.all([
        look(turns, [...calls, ...LOOK]),
        look(alone, [...calls, ...LOOK]),
      ]);
      expect({ index, found: anonymous(found) }).toEqual({ index, found: anonymous(wanted) });
      await turns.stopProxy(index % 4 > 1 ? 'SIGKILL' : 'SIGTERM');
    }
    await alone.stopProxy();
    expect(rows(join(turns.folder, 'proxy.db'))).toEqual(rows(join(alone.folder, 'proxy.db')));
  });

  it('a backup of ours is a database of upstream’s', async () => {
    await turns.startProxy('ours');
    const backup = join(turns.folder, 'backup.db');
    await turns.ours('proxy', 'backup', backup);
    const wanted = await look(turns, LOOK);
    await turns.stopProxy();
    expect(await serve('upstream', backup)).toEqual(wanted);
  });

  it('a database of upstream’s and its SQL text are restored by ours', async () => {
    const text = readdirSync(turns.folder).find((name) => /-backup-17to18-/.test(name)) ?? '';
    expect(text).not.toBe('');
    await turns.ours('proxy', 'restore', join(turns.folder, text));
    await turns.startProxy('ours');
    const [document] = await look(turns, LOOK);
    expect(JSON.stringify(document)).toContain('<string>first</string>');
    await turns.stopProxy();

    await alone.startProxy('upstream');
    const wanted = await look(alone, LOOK);
    await alone.stopProxy();
    await turns.ours('proxy', 'restore', join(alone.folder, 'proxy.db'));
    expect(await serve('ours', join(turns.folder, 'proxy.db'))).toEqual(wanted);
  });
});

async function look(node: RealNode, calls: readonly Call[]): Promise<unknown[]> {
  const answers = await askOurs(node.masterUrl, calls);
  return answers.map((answer) => normalise(answer, node.masterUrl));
}

/** What a proxy of one side answers with this database. */
async function serve(side: Side, database: string): Promise<unknown[]> {
  const node = new RealNode({
    folder: '/srv/served',
    port: PORT + 2,
    python,
    slapproxy: { database_uri: database },
  });
  try {
    await node.startProxy(side);
    return await look(node, LOOK);
  } finally {
    await node.remove();
  }
}

/** Who requested is known since version 18: there it is missing until the next request. */
function anonymous(wanted: readonly unknown[]): unknown {
  return JSON.parse(JSON.stringify(wanted), (key, value: unknown) => {
    return key === 'requester_id' ? undefined : value;
  });
}

/** Without times, and without what only ours keeps. */
function rows(path: string): Record<string, unknown[]> {
  const database = new Sqlite(path, { readonly: true });
  const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck();
  const tables = (names.all() as string[]).map((name) => {
    const found = database.prepare(`SELECT * FROM ${name}`).all() as Array<Record<string, unknown>>;
    const kept = found.filter((row) => !String(row['name'] ?? '').startsWith('status:'));
    return [name, kept.map(({ timestamp, ...row }) => ({ ...row, timed: timestamp !== null }))];
  });
  database.close();
  return Object.fromEntries(tables) as Record<string, unknown[]>;
}
