/** `POST request`: checked by the software's own schema, then asked as any client of SLAP does. */
import { addressesOf } from '../proxy/http-request.ts';
import { checkRequest, type WantedInstance } from '../proxy/request-form.ts';
import { fulfilRequest } from '../proxy/request-route.ts';
import type { ObjectSchema, PropertySchema } from '../proxy/rpc-schema.ts';
import type { MarshalObject, MarshalValue } from '../slap/marshal-value.ts';
import type { PanelInstance, PanelRequest } from './api.ts';
import type { ApiContext } from './api-context.ts';
import { type JsonBody, readJson } from './body.ts';
import { findRoot, renderDetail, renderFound } from './find-instance.ts';
import type { OverviewFacts } from './overview.ts';
import { encodeSent } from './parameters.ts';
import { PanelError, wrongField } from './problem.ts';
import {
  describeSoftware,
  isChosenSoftware,
  type SoftwareDescription,
} from './software-description.ts';

const TEXT: PropertySchema = { type: 'string', isRequired: true, maxLength: 4096 };
const BODY: ObjectSchema = {
  title: { ...TEXT, maxLength: 200 },
  softwareUrl: TEXT,
  softwareType: TEXT,
  isShared: { type: 'boolean', isRequired: true },
  state: { ...TEXT, choices: ['started', 'stopped'] },
  parameters: { type: 'object', isRequired: true },
  computerId: TEXT,
  isNew: { type: 'boolean' },
};

/** A schema is not ours, and checking takes the only thread. */
const CHECK_MS = 2000;

export async function requestInstance(context: ApiContext): Promise<PanelInstance> {
  const body = await readJson(context.request, BODY);
  const wanted = body.fields as unknown as PanelRequest;
  const before = await context.facts();
  checkFields(wanted, before);
  const kind = { softwareType: wanted.softwareType || 'default', isShared: wanted.isShared };
  const description = await describeSoftware(wanted.softwareUrl, kind);
  await checkParameters(wanted.parameters, description);
  const answer = await send(toSlap(wanted, body, description, before), context);
  const after = await context.facts();
  const found = findRoot(wanted.title, wanted.isShared, after.rows);
  return found === undefined ? renderElsewhere(wanted, answer) : renderFound(found, after);
}

/** @throws PanelError 409 or 422 */
function checkFields(wanted: PanelRequest, { rows }: OverviewFacts): void {
  const { title, softwareUrl, computerId, isShared, isNew = false } = wanted;
  if (title.trim() === '') throw wrongField('/title', 'An instance needs a title.');
  if (!isChosenSoftware(softwareUrl, rows)) {
    throw wrongField('/softwareUrl', 'This software is not supplied to any computer.');
  }
  const isKnown = rows.computers.some(({ reference }) => reference === computerId);
  if (computerId !== '' && !isKnown) {
    throw wrongField('/computerId', `There is no computer ${computerId}.`);
  }
  if (isNew && findRoot(title, isShared, rows) !== undefined) {
    const problem = `There is an instance ${title} already.`;
    throw new PanelError(409, problem, { field: '/title', hint: 'Choose another title.' });
  }
}

/** What cannot be checked is let through, as `slapos request` does; the page was told why. */
async function checkParameters(
  parameters: PanelRequest['parameters'],
  { schemas }: SoftwareDescription,
): Promise<void> {
  if (schemas === null) return;
  const { $schema: _address, ...value } = parameters;
  // The validator is half of what there is to load, and few who look at the panel need it.
  const { checkValue } = await import('../slap/schema-check.ts');
  const options = { timeoutMs: CHECK_MS, areFormatsChecked: true };
  const { problems } = await checkValue(schemas, value, options).catch(() => ({ problems: [] }));
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length - 1;
  const name = first.path === '$' ? 'The parameters' : first.path.replace(/^\$\.?/, '');
  const hint = more === 0 ? '' : `There ${more === 1 ? 'is one more' : `are ${more} more`}.`;
  throw wrongField(`/parameters${first.pointer}`, `${name}: ${first.text}`, hint);
}

function toSlap(
  wanted: PanelRequest,
  body: JsonBody,
  description: SoftwareDescription,
  before: OverviewFacts,
): WantedInstance {
  const { title, softwareUrl, softwareType, isShared, state, computerId } = wanted;
  const { $schema: _address, ...values } = body.exact('parameters');
  const known = findRoot(title, isShared, before.rows);
  const former = known === undefined ? null : renderDetail(known, before).parameters;
  const serialisation = description.serialisation ?? former?.serialisation ?? 'xml';
  return checkRequest({
    title,
    softwareRelease: softwareUrl,
    softwareType,
    parameters: encodeSent(values, serialisation),
    filter: computerId === '' ? {} : { computer_guid: computerId },
    state,
    isShared,
  });
}

async function send(
  wanted: WantedInstance,
  { request, environment }: ApiContext,
): Promise<MarshalObject> {
  try {
    return await fulfilRequest(wanted, null, addressesOf(request), environment);
  } catch (error) {
    throw withoutMeaning(error);
  }
}

/** 404 and 408 are words of SLAP: to a browser they would say something else. */
export function withoutMeaning(error: unknown): unknown {
  const { statusCode } = error as { readonly statusCode?: unknown };
  if (statusCode !== 404 && statusCode !== 408) return error;
  return new PanelError(409, error instanceof Error ? error.message : String(error));
}

/** What another Master gave, or what only looks like a frontend: nothing of it is here. */
function renderElsewhere(wanted: PanelRequest, { attributes }: MarshalObject): PanelInstance {
  const text = (value: MarshalValue | undefined) => (typeof value === 'string' ? value : '');
  const { title, softwareUrl, softwareType, isShared, state } = wanted;
  return {
    reference: '',
    title,
    requestedBy: '',
    softwareUrl,
    softwareType,
    isShared,
    requestedState: state,
    computerId: text(attributes['slap_computer_id']),
    partition: text(attributes['slap_computer_partition_id']),
    report: '',
  };
}
