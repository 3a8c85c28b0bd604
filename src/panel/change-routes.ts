/** The functions of the API that change something. */
import { rootTitle } from '../proxy/documents.ts';
import { allocateInstance } from '../proxy/request.ts';
import { checkRequest, type WantedInstance } from '../proxy/request-form.ts';
import type { ObjectSchema, PropertySchema } from '../proxy/rpc-schema.ts';
import { splitSlave } from '../proxy/slave.ts';
import type { PartitionKey, PartitionRow } from '../proxy/store.ts';
import type { PanelInstance } from './api.ts';
import type { ApiContext, ApiRoute } from './api-context.ts';
import { readJson } from './body.ts';
import { type FoundInstance, findInstance, renderFound } from './find-instance.ts';
import { InstanceIndex } from './instance-name.ts';
import type { ServiceAction } from './node-view.ts';
import { readTexts, sharedParameters } from './parameters.ts';
import { conflict } from './problem.ts';
import { expectLocal } from './read-routes.ts';
import { requestInstance, withoutMeaning } from './request-instance.ts';

const TEXT: PropertySchema = { type: 'string', isRequired: true, maxLength: 4096 };
const STATE_BODY: ObjectSchema = {
  reference: TEXT,
  state: { ...TEXT, choices: ['started', 'stopped', 'destroyed'] },
};
const SERVICE_BODY: ObjectSchema = {
  partition: TEXT,
  name: TEXT,
  action: { ...TEXT, choices: ['start', 'stop', 'restart'] },
};

type State = PanelInstance['requestedState'];

/**
 * The request that is there, with another state, in the name of who made it: what SLAP says of
 * children and roots holds. In one transaction, so that it is this very instance.
 */
async function changeState({ request, environment, facts }: ApiContext): Promise<PanelInstance> {
  const { fields } = await readJson(request, STATE_BODY);
  const reference = String(fields['reference']);
  const state = fields['state'] as State;
  const { store, defaultComputerId } = environment;
  const before = await facts();
  const shown = renderFound(findInstance(reference, before.rows, defaultComputerId), before);
  await store
    .write(async (tables) => {
      const partitions = await tables.listPartitions(null);
      const shared = await tables.listSlaves();
      const found = findInstance(reference, { partitions, shared }, defaultComputerId);
      expectPossible(found, state, partitions);
      const requester = requesterOf(found, partitions);
      const wanted = checkRequest(repeatRequest(found, state));
      await allocateInstance(wanted, requester, tables, environment);
    })
    .catch((error: unknown) => {
      throw withoutMeaning(error);
    });
  const after = await facts();
  const rest = findIfThere(reference, after.rows, defaultComputerId);
  // A shared instance is gone at once.
  return rest === undefined ? { ...shown, requestedState: state } : renderFound(rest, after);
}

function findIfThere(
  reference: string,
  rows: Parameters<typeof findInstance>[1],
  defaultComputerId: string,
): FoundInstance | undefined {
  try {
    return findInstance(reference, rows, defaultComputerId);
  } catch {
    return undefined;
  }
}

/** @throws PanelError 409 */
function expectPossible(
  found: FoundInstance,
  state: State,
  partitions: readonly PartitionRow[],
): void {
  if (found.kind === 'shared') {
    if (state !== 'stopped') return;
    throw conflict('A shared instance runs as long as it is there: it cannot be stopped.');
  }
  const { requestedBy } = found.row;
  if (requestedBy === '') return;
  const root = partitions.find((row) => row.title === requestedBy && row.requestedBy === '');
  const rootState = root?.requestedState ?? 'started';
  if (rootState === 'started' || rootState === state) return;
  throw conflict(`It follows ${requestedBy}, which is ${rootState}.`, `Change ${requestedBy}.`);
}

/** Who asked; when he is gone, a member of his tree, which is the instance itself. */
function requesterOf(
  found: FoundInstance,
  partitions: readonly PartitionRow[],
): PartitionKey | null {
  const { computerReference, requesterId } = found.row;
  const root = found.kind === 'own' ? found.row.requestedBy : splitSlave(found.row).requestedBy;
  if (root === '') return null;
  const index = new InstanceIndex(partitions);
  const noted = index.requesterOf(root, requesterId, computerReference);
  const member = noted ?? partitions.find((row) => row.title !== null && rootTitle(row) === root);
  if (member !== undefined) return member;
  throw conflict(`Nothing is left of ${root}, which asked for it.`);
}

function repeatRequest(found: FoundInstance, state: State): WantedInstance {
  const { computerReference } = found.row;
  const filter = { computer_guid: computerReference };
  if (found.kind === 'own') {
    const { row } = found;
    return {
      title: row.title ?? '',
      softwareRelease: row.softwareRelease ?? '',
      softwareType: row.softwareType ?? '',
      parameters: readTexts(row.xml),
      filter,
      state,
      isShared: false,
    };
  }
  const { row, host } = found;
  return {
    title: splitSlave(row).title,
    softwareRelease: host?.softwareRelease ?? '',
    softwareType: host?.softwareType ?? '',
    parameters: sharedParameters(row, host?.slaveInstanceList ?? null),
    filter,
    state,
    isShared: true,
  };
}

async function steer(context: ApiContext) {
  const { fields } = await readJson(context.request, SERVICE_BODY);
  const partition = String(fields['partition']);
  const view = await expectLocal(context, partition);
  return view.steer(partition, String(fields['name']), fields['action'] as ServiceAction);
}

const post = (run: ApiRoute['run']): ApiRoute => ({ method: 'POST', run });

export const CHANGE_ROUTES: ReadonlyMap<string, ApiRoute> = new Map([
  ['request', post(requestInstance)],
  ['state', post(changeState)],
  ['service', post(steer)],
]);
