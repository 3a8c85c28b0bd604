/** POST endpoints of the XML protocol (spec/slap-protocol.md 4.2, spec/proxy.md 5 to 8). */
import { pythonStringRepr } from '../slap/python-text.ts';
import { parseConfiguration, storeConfiguration, warnKept } from './computer.ts';
import { expectList } from './form.ts';
import { badRequest } from './http-problem.ts';
import { bangInstance, destroyPartition, renameInstance, reportConnection } from './lifecycle.ts';
import { parseRequest } from './request-form.ts';
import { fulfilRequest } from './request-route.ts';
import { type Route, textReply, xmlReply } from './route.ts';

const loadConfiguration: Route = async ({ form }, { store, log }) => {
  const configuration = parseConfiguration(form.marshalled('xml'));
  const kept = await store.write((tables) => storeConfiguration(configuration, tables));
  warnKept(configuration.computer.reference, kept, log);
  return textReply('done');
};

const supply: Route = async ({ form }, { store }) => {
  const url = form.value('url');
  const computerReference = form.value('computer_id');
  const requestedState = form.text('state');
  if (requestedState !== 'available' && requestedState !== 'destroyed') {
    throw badRequest(`Wrong state ${requestedState}: it must be available or destroyed.`);
  }
  await store.write((tables) => tables.putSoftware({ url, computerReference, requestedState }));
  return textReply(`Supplied ${pythonStringRepr(url)} to be ${requestedState}`);
};

const destroyedSoftware: Route = async ({ form }, { store }) => {
  const url = form.value('url');
  const computerReference = form.value('computer_id');
  await store.write((tables) => tables.deleteSoftware(url, computerReference));
  return textReply('OK');
};

/** The requester is told by a header since slapos.core 1.26, by two fields before. */
const request: Route = async (call, environment) => {
  const wanted = parseRequest(call.form);
  const requester = call.sender ?? call.form.optionalPartition();
  return xmlReply(await fulfilRequest(wanted, requester, call, environment));
};

const destroyed: Route = async ({ form }, { store }) => {
  const key = form.partition();
  return textReply(await store.write((tables) => destroyPartition(key, tables)));
};

const bang: Route = async ({ form }, { store, clock }) => {
  const key = form.partition();
  form.text('message');
  return textReply(await store.write((tables) => bangInstance(key, tables, clock)));
};

const rename: Route = async ({ form }, { store }) => {
  const key = form.partition();
  const title = form.value('new_name');
  return textReply(await store.write((tables) => renameInstance(key, title, tables)));
};

const publish: Route = async ({ form }, { store, clock }) => {
  return textReply(await store.write((tables) => reportConnection(form, tables, clock)));
};

/** Accepted so that nodes need not warn; nothing is collected by it, as on a Master. */
const relatedInstances: Route = async ({ form }) => {
  form.partition();
  expectList(form.marshalled('instance_reference_xml'), 'Field instance_reference_xml');
  return textReply('OK');
};

/** Reports that a proxy keeps no record of. */
const ignored: Route = async () => textReply('Ignored');

const computerBang: Route = async () => xmlReply('');

export const WRITE_ROUTES: Readonly<Record<string, Route>> = {
  '/loadComputerConfigurationFromXML': loadConfiguration,
  '/supplySupply': supply,
  '/buildingSoftwareRelease': ignored,
  '/availableSoftwareRelease': ignored,
  '/destroyedSoftwareRelease': destroyedSoftware,
  '/softwareReleaseError': ignored,
  '/requestComputerPartition': request,
  '/startedComputerPartition': ignored,
  '/stoppedComputerPartition': ignored,
  '/destroyedComputerPartition': destroyed,
  '/softwareInstanceError': ignored,
  '/softwareInstanceBang': bang,
  '/softwareInstanceRename': rename,
  '/setComputerPartitionConnectionXml': publish,
  '/updateComputerPartitionRelatedInstanceList': relatedInstances,
  '/useComputer': ignored,
  '/computerBang': computerBang,
};
