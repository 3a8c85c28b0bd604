/** POST endpoints of the XML protocol (spec/slap-protocol.md 4.2, spec/proxy.md 5 to 8). */
import { MarshalObject } from '../slap/marshal-value.ts';
import { pythonStringRepr } from '../slap/python-text.ts';
import { parseConfiguration, storeConfiguration, warnKept } from './computer.ts';
import { expectList, type Form } from './form.ts';
import { badRequest } from './http-problem.ts';
import { bangInstance, destroyPartition, renameInstance, reportConnection } from './lifecycle.ts';
import { forgetSoftware, REPORTS, reportInstance, reportSoftware } from './reports.ts';
import { parseRequest } from './request-form.ts';
import { fulfilRequest } from './request-route.ts';
import { type Route, textReply, xmlReply } from './route.ts';
import type { Report } from './status.ts';

const loadConfiguration: Route = async ({ form }, { store, log, clock }) => {
  const configuration = parseConfiguration(form.marshalled('xml'));
  const kept = await store.write((tables) => storeConfiguration(configuration, tables, clock));
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
  await store.write((tables) => forgetSoftware(url, computerReference, tables));
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

/** The answer to every report: upstream keeps no record of them. */
const IGNORED = textReply('Ignored');

/** A report of software is kept while the software is supplied. No field is required. */
function softwareReport(render: (url: string, form: Form) => Report): Route {
  return async ({ form }, { store, clock }) => {
    const [url, computerId] = [form.loose('url'), form.loose('computer_id')];
    await store.write((tables) => {
      return reportSoftware(url, computerId, render(url, form), tables, clock);
    });
    return IGNORED;
  };
}

/** A report of a partition is kept while an instance is there; one of a slave is not. */
function instanceReport(render: (form: Form) => Report): Route {
  return async ({ form }, { store, clock }) => {
    const computerReference = form.loose('computer_id');
    const key = { computerReference, reference: form.loose('computer_partition_id') };
    if (!['', 'None'].includes(form.loose('slave_reference'))) return IGNORED;
    await store.write((tables) => reportInstance(key, render(form), tables, clock));
    return IGNORED;
  };
}

const useComputer: Route = async () => IGNORED;

/** A computer of this name is known from now on, as if its node had described it as empty. */
const requestComputer: Route = async ({ form }, { store }) => {
  const reference = form.value('computer_title');
  await store.write(async (tables) => {
    if ((await tables.getComputer(reference)) !== null) return;
    await tables.putComputer({ reference, address: null, netmask: null });
  });
  return xmlReply(new MarshalObject('Computer', [reference], { _computer_id: reference }));
};

/** A proxy has no certificate authority, and asks nobody for a certificate. */
const generateCertificate: Route = async ({ form }) => {
  form.value('computer_id');
  return xmlReply({ certificate: '', key: '' });
};

const revokeCertificate: Route = async ({ form }) => {
  form.value('computer_id');
  return textReply('None');
};

const computerBang: Route = async () => xmlReply('');

export const WRITE_ROUTES: Readonly<Record<string, Route>> = {
  '/loadComputerConfigurationFromXML': loadConfiguration,
  '/supplySupply': supply,
  '/buildingSoftwareRelease': softwareReport(REPORTS.building),
  '/availableSoftwareRelease': softwareReport(REPORTS.available),
  '/destroyedSoftwareRelease': destroyedSoftware,
  '/softwareReleaseError': softwareReport((url, form) => {
    return REPORTS.softwareError(url, form.loose('error_log'));
  }),
  '/requestComputerPartition': request,
  '/startedComputerPartition': instanceReport(() => REPORTS.started),
  '/stoppedComputerPartition': instanceReport(() => REPORTS.stopped),
  '/destroyedComputerPartition': destroyed,
  '/softwareInstanceError': instanceReport((form) => {
    return REPORTS.instanceError(form.loose('error_log'));
  }),
  '/softwareInstanceBang': bang,
  '/softwareInstanceRename': rename,
  '/setComputerPartitionConnectionXml': publish,
  '/updateComputerPartitionRelatedInstanceList': relatedInstances,
  '/useComputer': useComputer,
  '/computerBang': computerBang,
  '/requestComputer': requestComputer,
  '/generateComputerCertificate': generateCertificate,
  '/revokeComputerCertificate': revokeCertificate,
};
