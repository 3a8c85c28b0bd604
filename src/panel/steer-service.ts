/** Starts, stops and restarts a service of a partition through the supervisor's XML-RPC. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../errors/slapos-error.ts';
import { isUnreachable, type ProcessInfo, type SupervisorClient } from '../supervisor/client.ts';
import { FAULTS } from '../supervisor/rpc/fault.ts';
import { isRpcFault } from '../supervisor/rpc/xml-rpc.ts';
import type { ServiceAction } from './node-view.ts';
import { absent, conflict, unavailable } from './problem.ts';

export interface ServiceOrder {
  readonly partition: string;
  readonly name: string;
  readonly action: ServiceAction;
}

export type SteeringClient = Pick<SupervisorClient, 'call' | 'callWithin' | 'close'>;

/** A service may take `stopwaitsecs` to stop: the order is carried on, and the answer goes out. */
const PATIENCE_MS = 10_000;
const LIST_MS = 5_000;

/**
 * Only what the supervisor has under exactly this name is acted on: `group:*` would be all of it.
 * @throws PanelError 404 for an unknown service, 409 when it is refused, 503 without a supervisor.
 */
export async function steerService(
  open: () => SteeringClient,
  order: ServiceOrder,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const client = open();
  const work = carryOut(client, order)
    .catch((error: unknown) => {
      throw problemOf(error, order);
    })
    .finally(() => client.close());
  const patience = new AbortController();
  const late = delay(patienceMs, undefined, { signal: patience.signal, ref: false });
  late.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    patience.abort();
    // What fails after the answer is seen in the state of the service.
    work.catch(() => undefined);
  }
}

async function carryOut(client: SteeringClient, order: ServiceOrder): Promise<void> {
  const { partition, name, action } = order;
  const all = await client.callWithin<readonly ProcessInfo[]>(
    LIST_MS,
    'supervisor.getAllProcessInfo',
  );
  const isKnown = all.some((info) => info.group === partition && info.name === name);
  if (!isKnown) throw absent(`${partition} has no service ${name}.`);
  const full = `${partition}:${name}`;
  if (action !== 'start') {
    await ignoring(FAULTS.NOT_RUNNING, client.call('supervisor.stopProcess', full, true));
  }
  if (action !== 'stop') {
    await ignoring(FAULTS.ALREADY_STARTED, client.call('supervisor.startProcess', full, false));
  }
}

/** What was to be done is so already. */
async function ignoring(code: number, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isRpcFault(error) || error.faultCode !== code) throw error;
  }
}

function problemOf(error: unknown, { name, action }: ServiceOrder): unknown {
  if (isRpcFault(error)) {
    return conflict(`The supervisor does not ${action} ${name}: ${error.message}`);
  }
  if (isUnreachable(error)) return unavailable(errorMessage(error));
  return error;
}
