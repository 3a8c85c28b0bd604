/** What a request for an instance says (spec/proxy.md 7, spec/slap-protocol.md 4.5). */
import { errorMessage } from '../errors/slapos-error.ts';
import { encodeInstanceXml } from '../slap/instance-xml.ts';
import { rootTitle } from './documents.ts';
import { type Dictionary, expectText, type Form } from './form.ts';
import { badRequest, notFound } from './http-problem.ts';
import type { PartitionKey, ProxyTables } from './store.ts';

/** Type of an instance when none is asked for. */
const DEFAULT_TYPE = 'default';
/** Stands for the requester's partition when a user asks. */
const USER = 'user';
const STATES = new Set(['started', 'stopped', 'destroyed']);

/** A request as it came, whatever the API. */
export interface WantedInstance {
  readonly softwareRelease: string;
  readonly softwareType: string;
  readonly title: string;
  readonly parameters: Dictionary;
  /** The SLA, of which the proxy heeds `computer_guid`, `instance_guid` and `master_url`. */
  readonly filter: Dictionary;
  /** null keeps what is. */
  readonly state: string | null;
  readonly isShared: boolean;
}

export interface Requester {
  /** Title of the root of the requester's tree; '' when a user asks. */
  readonly requestedBy: string;
  /** Reference of the requester's partition, `user` when a user asks. */
  readonly requesterId: string;
}

export interface ProxyRequest extends WantedInstance, Requester {
  /** Computer to take a partition of. */
  readonly computerId: string;
  /** Guid of the instance that a slave wants as its host. */
  readonly hostGuid: string | null;
}

/** @throws HttpProblem 400 for a missing or wrong field. */
export function parseRequest(form: Form): WantedInstance {
  return checkRequest({
    softwareRelease: form.value('software_release'),
    softwareType: form.text('software_type'),
    title: form.value('partition_reference'),
    parameters: form.dictionary('partition_parameter_xml'),
    filter: form.dictionary('filter_xml'),
    state: expectText(form.marshalled('state'), 'Field state'),
    isShared: parseShared(form),
  });
}

function parseShared(form: Form): boolean {
  if (!form.has('shared_xml')) return false;
  const value = form.marshalled('shared_xml');
  if (typeof value === 'boolean') return value;
  throw badRequest('Field shared_xml is not a boolean.');
}

/** @throws HttpProblem 400 for a value that no request may have. */
export function checkRequest(wanted: WantedInstance): WantedInstance {
  const { state, filter } = wanted;
  for (const name of ['master_url', 'computer_guid', 'instance_guid']) {
    expectText(filter[name], `Filter ${name}`);
  }
  if (state !== null && state !== '' && !STATES.has(state)) {
    throw badRequest(`State ${state} is not one of ${[...STATES].join(', ')}.`);
  }
  encodeParameters(wanted.parameters);
  return {
    ...wanted,
    // A slave without a type takes a host of any.
    softwareType: wanted.softwareType || (wanted.isShared ? '' : DEFAULT_TYPE),
    state: state === '' ? null : state,
  };
}

/** A text of the filter; empty counts as absent. */
export function filterText({ filter }: WantedInstance, name: string): string | null {
  const value = filter[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/**
 * Who asks: an instance by its partition, or a user.
 * @throws HttpProblem 404 for a partition without an instance.
 */
export async function findRequester(
  key: PartitionKey | null,
  tables: ProxyTables,
): Promise<Requester> {
  if (key === null) return { requestedBy: '', requesterId: USER };
  const row = await tables.getPartition(key);
  if (row === null || row.title === null) {
    throw notFound(
      `No instance on partition ${key.reference} of ${key.computerReference} may request.`,
    );
  }
  return { requestedBy: rootTitle(row), requesterId: key.reference };
}

/** @throws HttpProblem 400 for a parameter that XML cannot carry. */
export function encodeParameters(parameters: Dictionary): string {
  try {
    return encodeInstanceXml(parameters);
  } catch (error) {
    throw badRequest(errorMessage(error));
  }
}
