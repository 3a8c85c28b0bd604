/** GET endpoints of the XML protocol (spec/slap-protocol.md 4.1, spec/proxy.md 8). */
import { encodeMarshal } from '../slap/marshal.ts';
import { renderAddresses, renderComputer, renderPartition } from './documents.ts';
import { badRequest, notFound } from './http-problem.ts';
import { expectPartition, listTreeAddresses } from './lifecycle.ts';
import {
  type CachedDocument,
  type ProxyEnvironment,
  type Reply,
  type Route,
  textReply,
  XML_TYPE,
  xmlReply,
} from './route.ts';
import type { ProxyTables } from './store.ts';

/** Documents kept in memory; a proxy serves one computer or a few. */
const MAX_CACHED_COMPUTERS = 32;

/** Rendered once for each state of the database; clients may ask for changes only. */
const getComputer: Route = async ({ form, ifNoneMatch }, environment) => {
  const computerId = form.value('computer_id');
  const { body, version } = await environment.store.read(async (tables, version) => {
    return cachedDocument(computerId, version, tables, environment);
  });
  const headers = {
    etag: `"${environment.runId}-${version}"`,
    'cache-control': 'private, max-age=0',
  };
  const isKnown = ifNoneMatch === headers.etag;
  const reply = { contentType: XML_TYPE, headers };
  return isKnown ? { ...reply, status: 304, body: '' } : { ...reply, body };
};

async function cachedDocument(
  computerId: string,
  version: string,
  tables: ProxyTables,
  environment: ProxyEnvironment,
): Promise<CachedDocument> {
  const { documents } = environment;
  const known = documents.get(computerId);
  if (known?.version === version) return known;
  if (documents.size >= MAX_CACHED_COMPUTERS) documents.clear();
  const document = await readComputer(computerId, tables, environment);
  const fresh = { version, body: Buffer.from(document, 'latin1') };
  documents.set(computerId, fresh);
  return fresh;
}

/** The default computer exists even before its node has described it. */
async function readComputer(
  computerId: string,
  tables: ProxyTables,
  { defaultComputerId, partitionTexts }: ProxyEnvironment,
): Promise<string> {
  const computer = await tables.getComputer(computerId);
  if (computer === null && computerId !== defaultComputerId) {
    throw notFound(`Computer ${computerId} is not registered.`);
  }
  const rows = {
    software: await tables.listSoftware(computerId),
    partitions: await tables.listPartitions(computerId),
    addresses: await tables.listAddresses(computerId),
  };
  const document = renderComputer(computerId, rows, (row, addresses) => {
    return partitionTexts.fragment(row, addresses);
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

async function getPartitionStatus(): Promise<Reply> {
  return xmlReply('Not implemented.');
}

const getProductReleases: Route = async ({ form }, { products }) => {
  const name = form.optional('software_product_reference');
  if (name === null) throw badRequest('Field software_product_reference is missing or empty.');
  const url = products.get(name);
  return xmlReply(url === undefined ? [] : [url]);
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
  '/getSoftwareReleaseListFromSoftwareProduct': getProductReleases,
  '/getHateoasUrl': getHateoasUrl,
  '/getRunId': getRunId,
};
