/** GET endpoints of the XML protocol (spec/slap-protocol.md 4.1, spec/proxy.md 8). */
import { encodeMarshal } from '../slap/marshal.ts';
import { renderAddresses, renderComputer, renderPartition } from './documents.ts';
import { entityTagOf, matchesTag } from './entity-tag.ts';
import { badRequest, notFound } from './http-problem.ts';
import { expectPartition, listTreeAddresses } from './lifecycle.ts';
import type { PartitionScope } from './peer-scope.ts';
import { readComputerStatus } from './reports.ts';
import {
  type CachedDocument,
  type ProxyEnvironment,
  type Reply,
  type Route,
  textReply,
  XML_TYPE,
  xmlReply,
} from './route.ts';
import {
  ofComputer,
  ofPartition,
  ofSoftware,
  readReport,
  renderStatus,
  type StatusSubject,
} from './status.ts';
import type { ProxyTables } from './store.ts';

/** Documents kept in memory; a proxy serves one computer or a few. */
const MAX_CACHED_COMPUTERS = 32;

/** Rendered once for each state of the database; clients may ask for changes only. */
const getComputer: Route = async ({ form, ifNoneMatch }, environment) => {
  const computerId = form.value('computer_id');
  if (environment.scope !== undefined) return getOwnPartitions(environment.scope, environment);
  const { body, tag } = await environment.store.read((tables) => {
    return cachedDocument(computerId, tables, environment);
  });
  environment.contacts.set(computerId, environment.clock());
  const headers = { etag: tag, 'cache-control': 'private, max-age=0' };
  const isKnown = ifNoneMatch !== undefined && matchesTag(ifNoneMatch, tag);
  const reply = { contentType: XML_TYPE, headers };
  return isKnown ? { ...reply, status: 304, body: '' } : { ...reply, body };
};

/** For the user of some partitions: these, and no software. */
async function getOwnPartitions(
  { computerId, owns }: PartitionScope,
  { store }: ProxyEnvironment,
): Promise<Reply> {
  return store.read(async (tables) => {
    const partitions = (await tables.listPartitions(computerId)).filter(owns);
    const addresses = await tables.listAddresses(computerId);
    return xmlReply(renderComputer(computerId, { software: [], partitions, addresses }));
  });
}

async function cachedDocument(
  computerId: string,
  tables: ProxyTables,
  environment: ProxyEnvironment,
): Promise<CachedDocument> {
  const { documents } = environment;
  const version = await tables.getVersion(computerId);
  const known = documents.get(computerId);
  if (known?.version === version) return known;
  if (documents.size >= MAX_CACHED_COMPUTERS) documents.clear();
  const body = Buffer.from(await readComputer(computerId, tables, environment), 'latin1');
  const fresh = { version, body, tag: entityTagOf(body) };
  documents.set(computerId, fresh);
  return fresh;
}

/** The default computer exists even before its node has described it. */
async function expectComputer(
  computerId: string,
  tables: ProxyTables,
  { defaultComputerId }: ProxyEnvironment,
): Promise<void> {
  const computer = await tables.getComputer(computerId);
  if (computer === null && computerId !== defaultComputerId) {
    throw notFound(`Computer ${computerId} is not registered.`);
  }
}

async function readComputer(
  computerId: string,
  tables: ProxyTables,
  environment: ProxyEnvironment,
): Promise<string> {
  await expectComputer(computerId, tables, environment);
  const rows = {
    software: await tables.listSoftware(computerId),
    partitions: await tables.listPartitions(computerId),
    addresses: await tables.listAddresses(computerId),
  };
  const document = renderComputer(computerId, rows, (row, addresses) => {
    return environment.partitionTexts.fragment(row, addresses);
  });
  return encodeMarshal(document);
}

const registerPartition: Route = async ({ form }, { store }) => {
  const key = form.partition('computer_reference', 'computer_partition_reference');
  return store.read(async (tables) => {
    const row = await expectPartition(key, tables);
    return xmlReply(renderPartition(row, await tables.listPartitionAddresses(row)));
  });
};

const getHostingIps: Route = async ({ form }, { store }) => {
  const key = form.partition();
  const addresses = await store.read((tables) => listTreeAddresses(key, tables));
  return xmlReply(renderAddresses(addresses));
};

/** A proxy has no certificate authority. */
async function getCertificate(): Promise<Reply> {
  return xmlReply({ certificate: '', key: '' });
}

const getComputerStatus: Route = async ({ form }, environment) => {
  const computerId = form.value('computer_id');
  return environment.store.read(async (tables) => {
    await expectComputer(computerId, tables, environment);
    const { contacts, clock } = environment;
    const status = await readComputerStatus(computerId, tables, contacts);
    return xmlReply(renderStatus(ofComputer(computerId), status, clock()));
  });
};

const getPartitionStatus: Route = async ({ form }, environment) => {
  const key = form.partition();
  return environment.store.read(async (tables) => {
    return statusReply(ofPartition(await expectPartition(key, tables)), tables, environment);
  });
};

const getSoftwareStatus: Route = async ({ form }, environment) => {
  const [url, computerId] = [form.value('url'), form.value('computer_id')];
  return environment.store.read(async (tables) => {
    const rows = await tables.listSoftware(computerId);
    if (!rows.some((row) => row.url === url)) {
      throw notFound(`Software ${url} is not supplied on ${computerId}.`);
    }
    return statusReply(ofSoftware(url, computerId), tables, environment);
  });
};

async function statusReply(
  subject: StatusSubject,
  tables: ProxyTables,
  { clock }: ProxyEnvironment,
): Promise<Reply> {
  return xmlReply(renderStatus(subject, await readReport(subject, tables), clock()));
}

/** By the name of the product, or by the address of the release that it has. */
const getProductReleases: Route = async ({ form }, { products }) => {
  const name = form.optional('software_product_reference');
  const url = form.optional('software_release_url');
  if ((name === null) === (url === null)) {
    throw badRequest('Give either software_product_reference or software_release_url.');
  }
  const found = [...products].find((product) => product[0] === name || product[1] === url);
  return xmlReply(found === undefined ? [] : [found[1]]);
};

const getHateoasUrl: Route = async ({ baseUrl }) => textReply(`${baseUrl}hateoas/`);

const getRunId: Route = async (_request, { runId }) => textReply(runId);

export const READ_ROUTES: Readonly<Record<string, Route>> = {
  '/getFullComputerInformation': getComputer,
  '/getComputerInformation': getComputer,
  '/registerComputerPartition': registerPartition,
  '/getHostingSubscriptionIpList': getHostingIps,
  '/getComputerPartitionCertificate': getCertificate,
  '/getComputerPartitionStatus': getPartitionStatus,
  '/getComputerStatus': getComputerStatus,
  '/getSoftwareInstallationStatus': getSoftwareStatus,
  '/getSoftwareReleaseListFromSoftwareProduct': getProductReleases,
  '/getHateoasUrl': getHateoasUrl,
  '/getRunId': getRunId,
};
