/** The way of a request: here, to another Master, or to what only looks like a frontend. */
import type { MarshalObject } from '../slap/marshal-value.ts';
import { renderFrontend } from './frontend.ts';
import { allocateInstance, isAllocated } from './request.ts';
import { findRequester, type Requester, type WantedInstance } from './request-form.ts';
import type { ProxyEnvironment, RouteRequest } from './route.ts';
import type { PartitionKey } from './store.ts';

/**
 * Fulfils a request (spec/proxy.md 7.1). An instance that is here stays here.
 * @param requester partition that asks, null for a user
 * @throws HttpProblem 404 and others, see {@link allocateInstance} and ExternalMasters.
 */
export async function fulfilRequest(
  wanted: WantedInstance,
  requester: PartitionKey | null,
  { baseUrl, ownUrls }: Pick<RouteRequest, 'baseUrl' | 'ownUrls'>,
  environment: ProxyEnvironment,
): Promise<MarshalObject> {
  const { store, masters } = environment;
  if (masters.isConcerned(wanted)) {
    const { asker, isHere } = await lookFor(wanted, requester, environment);
    const master = isHere ? null : await masters.choose(wanted, ownUrls);
    if (master !== null) return masters.forward(master, wanted, asker, store);
  }
  const frontend = renderFrontend(wanted, baseUrl);
  if (frontend !== null) return frontend;
  return store.write((tables) => allocateInstance(wanted, requester, tables, environment));
}

async function lookFor(
  wanted: WantedInstance,
  requester: PartitionKey | null,
  { store, defaultComputerId }: ProxyEnvironment,
): Promise<{ readonly asker: Requester; readonly isHere: boolean }> {
  return store.read(async (tables) => {
    const asker = await findRequester(requester, tables);
    return { asker, isHere: await isAllocated(wanted, asker, tables, defaultComputerId) };
  });
}
