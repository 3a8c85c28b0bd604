/** The proxy, which is a process that lasts: one server with its database, asked over HTTP. */
import { readStoredXml } from '../../../src/proxy/stored-xml.ts';
import { encodeInstanceXml } from '../../../src/slap/instance-xml.ts';
import { startWorld as startEmptyWorld } from '../../support/contract-world.ts';
import { startPanelScene } from '../../support/panel-scene.ts';
import { instanceRequest, postForm, requestFields, SOFTWARE } from '../../support/proxy-fixture.ts';
import { callMethod } from '../../support/rpc-call.ts';
import type { Passes, Verb } from './verb.ts';

const NODE = 'computer_id=COMP-1';
/**
 * More texts than the proxy keeps read, 16 MiB at about 700 bytes each, and than the 32,768 after which
 * V8 makes the table of the map larger a last time.
 */
const STORED_XML = 40_000;

/** A proxy that keeps as much of stored XML as it ever does: a pass makes some that is new. */
function startWorld() {
  for (let index = 0; index < STORED_XML; index += 1) {
    readStoredXml(encodeInstanceXml({ p: `old${index}` }));
  }
  return startEmptyWorld();
}

async function xmlPasses(): Promise<Passes> {
  const world = await startWorld();
  const get = async (path: string) => (await fetch(world.url + path)).text();
  const pass = async (index: number) => {
    const fields = requestFields({
      partition_reference: 'root',
      partition_parameter_xml: { p: String(index) },
    });
    await postForm(`${world.url}requestComputerPartition`, fields);
    await get(`getFullComputerInformation?${NODE}`);
    await get(`registerComputerPartition?${NODE}&computer_partition_reference=slappart0`);
    await get(`getComputerPartitionCertificate?${NODE}&computer_partition_id=slappart0`);
    await get(`no/such/path/${index}`);
    await postForm(`${world.url}startedComputerPartition`, {
      computer_id: 'COMP-1',
      computer_partition_id: 'slappart0',
    });
  };
  return { pass, end: () => world.close() };
}

async function rpcPasses(): Promise<Passes> {
  const world = await startWorld();
  const pass = async (index: number) => {
    await callMethod(world, 'post.v0.software_instance', {
      title: 'root',
      software_release_uri: SOFTWARE,
      software_type: 'default',
      parameters: { p: String(index) },
    });
    await callMethod(world, 'allDocs.v0.compute_node_instance_list', { computer_guid: 'COMP-1' });
    await callMethod(world, 'get.v0.software_instance', { instance_guid: `none${index}` });
    const text = await fetch(`${world.url}slapos.no.such.${index}`, { method: 'POST', body: '{' });
    await text.text();
  };
  return { pass, end: () => world.close() };
}

async function hateoasPasses(): Promise<Passes> {
  const world = await startWorld();
  const get = async (path: string) => (await fetch(world.url + path)).text();
  const search = new URLSearchParams({
    mode: 'search',
    query: 'portal_type:"Instance Tree" AND validation_state:validated',
    select_list: 'title,relative_url',
  });
  const pass = async (index: number) => {
    await get(`hateoas/?${search}`);
    await get('hateoas/partitions/root');
    await get(`hateoas/partitions/none${index}`);
  };
  return { pass, end: () => world.close() };
}

/** The client of the library too: `slap request`, `supply` and what a node asks. */
async function clientPasses(): Promise<Passes> {
  const world = await startWorld();
  const pass = async (index: number) => {
    await world.master.requestInstance(instanceRequest('root', { parameters: { p: `${index}` } }));
    await world.master
      .requestInstance(instanceRequest(`none`, { softwareType: '' }))
      .catch(() => {});
  };
  return { pass, end: () => world.close() };
}

async function panelPasses(): Promise<Passes> {
  const scene = await startPanelScene();
  const pass = async (index: number) => {
    await scene.ask('');
    await scene.ask('api/overview');
    await scene.ask(`api/instances/none${index}`);
    scene.said.length = 0;
  };
  return { pass, end: () => scene.close() };
}

export const verbs: readonly Verb[] = [
  { name: 'proxy-xml', prepare: xmlPasses },
  { name: 'proxy-rpc', prepare: rpcPasses },
  { name: 'proxy-hateoas', prepare: hateoasPasses },
  { name: 'proxy-client', prepare: clientPasses },
  { name: 'proxy-panel', prepare: panelPasses },
];
