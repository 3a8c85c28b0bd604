/** GET endpoints of the XML protocol (spec/slap-protocol.md 4.1, spec/proxy.md 8). */
import { encodeMarshal } from '../slap/marshal.ts';
import type { CachedDocument } from './document-cache.ts';
import { renderAddresses, renderComputer, renderPartition } from './documents.ts';
import { matchesTag } from './entity-tag.ts';
import { badRequest, notFound } from './http-problem.ts';
import { expectPartition, listTreeAddresses } from './lifecycle.ts';
import type { PartitionScope } from './peer-scope.ts';
import { readComputerStatus } from './reports.ts';
import {
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

/** Rendered once for each state of the computer; clients may ask for changes only. */
const getComputer: Route = async ({ form, ifNoneMatch }, environment) => {
  const computerId = form.value('computer_id');
  if (environment.scope !== undefined) return getOwnPartitions(environment.scope, environment);
  const { body, tag } = await environment.store.read((tables) => {
    return readDocument(computerId, ifNoneMatch, tables, environment);
  });
  environment.contacts.set(computerId, environment.clock());
  const headers = { etag: tag, 'cache-control': 'private, max-age=0' };
  const reply = { contentType: XML_TYPE, headers };
  return body === undefined ? { ...reply, status: 304, body: '' } : { ...reply, body };
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

/** Without body for a client that has it. */
async function readDocument(
  computerId: string,
  ifNoneMatch: string | undefined,
  tables: ProxyTables,
  environment: ProxyEnvironment,
): Promise<CachedDocument> {
  const { documents } = environment;
  const isKnown = (tag: string): boolean => {
    return ifNoneMatch !== undefined && matchesTag(ifNoneMatch, tag);
  };
  const version = await tables.getVersion(computerId);
  const cached = documents.find(computerId, version);
  if (cached !== undefined && isKnown(cached.tag)) return { tag: cached.tag, body: undefined };
  if (cached?.body !== undefined) return cached;
  const body = Buffer.from(await readComputer(computerId, tables, environment), 'latin1');
  const tag = documents.put(computerId, version, body);
  return { tag, body: isKnown(tag) ? undefined : body };
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
