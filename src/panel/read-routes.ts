/** The functions of the API that only look. */
import type { PartitionStatus } from '../status/model.ts';
import type { PanelLog, PanelOverview, PanelPartitionDetail, PanelSeries } from './api.ts';
import type { ApiContext, ApiRoute } from './api-context.ts';
import { findInstance, renderDetail } from './find-instance.ts';
import type { NodeView } from './node-view.ts';
import { absent, PanelError, unavailable } from './problem.ts';
import { describeSoftware, isChosenSoftware, renderDescription } from './software-description.ts';

/** No name or address of ours is longer. */
const MAX_TEXT = 4096;

/** @throws PanelError 400 when it is missing or too long. */
function expectText(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === '' || value.length > MAX_TEXT) {
    throw new PanelError(400, `Parameter ${name} is missing, empty or too long.`);
  }
  return value;
}

async function readInstance({ query, facts }: ApiContext) {
  const all = await facts();
  const reference = expectText(query, 'reference');
  return renderDetail(findInstance(reference, all.rows, all.defaultComputerId), all);
}

async function readPartition(context: ApiContext): Promise<PanelPartitionDetail> {
  const computer = expectText(context.query, 'computer');
  const reference = expectText(context.query, 'partition');
  const overview = await context.overview();
  const node = overview.nodes.find(({ computerId }) => computerId === computer);
  const known = node?.partitions.find((one) => one.reference === reference);
  if (node === undefined || known === undefined) {
    throw absent(`There is no partition ${reference} of ${computer}.`);
  }
  const instance = instanceOf(known, overview);
  const { view } = context.node;
  const local = await context.status();
  const status = node.isLocal
    ? local.status?.partitions.find((one) => one.reference === reference)
    : undefined;
  if (view === null || status === undefined) {
    const problems = node.isLocal ? local.problems : ['It is on another machine.'];
    return { partition: { ...unseen(reference, problems), instance }, history: {}, logs: [] };
  }
  return {
    partition: { ...status, instance },
    history: await view.readHistory(reference),
    logs: await view.listLogs(reference),
  };
}

function unseen(reference: string, problems: readonly string[]): PartitionStatus {
  const nobody = { path: '', user: '', uid: null };
  const nothing = { services: [], promises: [], consumption: null };
  return { reference, instance: null, ...nobody, ...nothing, problems };
}

/** By the names of the panel, and as the proxy knows it now. */
function instanceOf(
  { instance: reference }: { readonly instance: string },
  { instances }: PanelOverview,
): PartitionStatus['instance'] {
  const found = instances.find((one) => one.reference === reference && !one.isShared);
  if (found === undefined) return null;
  const { title, softwareUrl, softwareType, requestedState } = found;
  return { title, reference, softwareUrl, softwareType, requestedState };
}

/** @throws PanelError 404 for a partition that is not of this machine, 503 when nothing is seen. */
export async function expectLocal(
  { node, status }: Pick<ApiContext, 'node' | 'status'>,
  partition: string,
): Promise<NodeView> {
  const { status: found, problems } = await status();
  if (node.view === null || found === null) throw unavailable(problems.join(' '));
  if (found.partitions.some(({ reference }) => reference === partition)) return node.view;
  throw absent(`This machine has no partition ${partition}.`);
}

async function readLog(context: ApiContext): Promise<PanelLog> {
  const partition = expectText(context.query, 'partition');
  const name = expectText(context.query, 'name');
  const view = await expectLocal(context, partition);
  const log = await view.readLog(partition, name);
  if (log === null) throw absent(`${partition} has no log ${name}.`);
  return log;
}

async function readSeries(context: ApiContext): Promise<PanelSeries> {
  const partition = expectText(context.query, 'partition');
  const since = context.query.get('since') ?? '0';
  if (!/^\d{1,16}$/.test(since)) throw new PanelError(400, 'Parameter since is no time.');
  const view = await expectLocal(context, partition);
  const series = await view.readSeries(partition, Number(since));
  if (series === null) throw absent(`This machine has no partition ${partition}.`);
  return series;
}

async function readSchema({ query, facts }: ApiContext) {
  const url = expectText(query, 'url');
  const softwareType = query.get('type') || 'default';
  const isShared = ['1', 'true'].includes(query.get('shared') ?? '');
  const { rows } = await facts();
  if (!isChosenSoftware(url, rows)) {
    throw new PanelError(403, 'Only software that was supplied or requested is looked at.');
  }
  return renderDescription(await describeSoftware(url, { softwareType, isShared }));
}

const get = (run: ApiRoute['run']): ApiRoute => ({ method: 'GET', run });

export const READ_ROUTES: ReadonlyMap<string, ApiRoute> = new Map([
  ['overview', get(({ overview }) => overview())],
  ['instance', get(readInstance)],
  ['partition', get(readPartition)],
  ['log', get(readLog)],
  ['series', get(readSeries)],
  ['schema', get(readSchema)],
]);
