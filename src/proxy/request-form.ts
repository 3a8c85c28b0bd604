/** The fields of `requestComputerPartition` (spec/proxy.md 7, spec/slap-protocol.md 4.5). */
import { errorMessage } from '../errors/slapos-error.ts';
import { encodeInstanceXml } from '../slap/instance-xml.ts';
import type { Clock } from './clock.ts';
import { rootTitle } from './documents.ts';
import { type Dictionary, expectText, type Form } from './form.ts';
import { badRequest, notFound } from './http-problem.ts';
import type { ProxyTables } from './store.ts';

/** Type of an instance when none is asked for. */
const DEFAULT_TYPE = 'default';
const STATES = new Set(['started', 'stopped', 'destroyed']);

export interface ProxyRequest {
  readonly softwareRelease: string;
  readonly softwareType: string;
  readonly title: string;
  /** Title of the root of the requester's tree; '' when a user asks. */
  readonly requestedBy: string;
  /** Reference of the requester's partition, `user` when a user asks. */
  readonly requesterId: string;
  readonly parameters: Dictionary;
  /** Computer to take a partition of. */
  readonly computerId: string;
  /** Guid of the instance that a slave wants as its host. */
  readonly hostGuid: string | null;
  /** null keeps what is. */
  readonly state: string | null;
}

export interface RequestContext {
  readonly defaultComputerId: string;
  readonly clock: Clock;
  /** Whether an address in filter `master_url` is this server itself. */
  isOurs(masterUrl: string): boolean;
}

/** @throws HttpProblem 400 for a bad field, 404 for an unknown requester or external Master. */
export async function parseRequest(
  form: Form,
  tables: ProxyTables,
  context: RequestContext,
): Promise<ProxyRequest> {
  const filter = form.dictionary('filter_xml');
  const masterUrl = expectText(filter['master_url'], 'Filter master_url');
  if (masterUrl !== null && !context.isOurs(masterUrl)) {
    throw notFound(`External SlapOS Master URL ${masterUrl} is not listed in multimaster list.`);
  }
  const computerId = expectText(filter['computer_guid'], 'Filter computer_guid');
  return {
    softwareRelease: form.value('software_release'),
    softwareType: form.text('software_type') || DEFAULT_TYPE,
    title: form.value('partition_reference'),
    ...(await findRequester(form, tables)),
    parameters: form.dictionary('partition_parameter_xml'),
    computerId: computerId === null || computerId === '' ? context.defaultComputerId : computerId,
    hostGuid: expectText(filter['instance_guid'], 'Filter instance_guid'),
    state: parseState(form),
  };
}

function parseState(form: Form): string | null {
  const state = expectText(form.marshalled('state'), 'Field state');
  if (state === null || state === '') return null;
  if (!STATES.has(state))
    throw badRequest(`State ${state} is not one of ${[...STATES].join(', ')}.`);
  return state;
}

async function findRequester(form: Form, tables: ProxyTables) {
  const reference = form.optional('computer_partition_id');
  const computerReference = form.optional('computer_id');
  if (reference === null || computerReference === null) {
    return { requestedBy: '', requesterId: 'user' };
  }
  const row = await tables.getPartition({ reference, computerReference });
  if (row === null || row.title === null) {
    throw notFound(`No instance on partition ${reference} of ${computerReference} may request.`);
  }
  return { requestedBy: rootTitle(row), requesterId: reference };
}

/** @throws HttpProblem 400 for a parameter that XML cannot carry. */
export function encodeParameters(parameters: Dictionary): string {
  try {
    return encodeInstanceXml(parameters);
  } catch (error) {
    throw badRequest(errorMessage(error));
  }
}
