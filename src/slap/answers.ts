/** Answers of a Master as plain records (spec/slap-protocol.md 1.5). Pure. */
import { isSlaposError, MasterError } from '../errors/slapos-error.ts';
import { decodeInstanceXml } from './instance-xml.ts';
import type { JsonObject } from './json-value.ts';
import { renderJson } from './marshal-json.ts';
import { MarshalObject, MarshalTuple, type MarshalValue } from './marshal-value.ts';
import type { InstanceAnswer, SlapComputer, SlapPartition, SlapSoftwareRelease } from './master.ts';
import { pythonStr } from './python-text.ts';
import { decodeMarshal } from './unmarshal.ts';

type Attributes = Readonly<Record<string, MarshalValue>>;

/**
 * Reads a marshalled answer.
 * @param what Names the answer in messages.
 * @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when it is not marshalled XML.
 */
export function parseAnswer(body: Uint8Array, what: string): MarshalValue {
  try {
    return decodeMarshal(body, what);
  } catch (cause) {
    if (!isSlaposError(cause)) throw cause;
    throw new MasterError('SLAPOS_ERR_MASTER_PROTOCOL', cause.message, { cause });
  }
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no Computer. */
export function parseComputer(value: MarshalValue): SlapComputer {
  const computer = expectObject(value, ['Computer'], 'a computer');
  const attributes = computer.attributes;
  const computerId = text(attributes['_computer_id']) ?? text(computer.initArgs[0]) ?? '';
  return {
    computerId,
    softwareReleases: items(attributes['_software_release_list']).map((release) =>
      parseSoftwareRelease(release, computerId),
    ),
    partitions: items(attributes['_computer_partition_list']).map(parsePartition),
  };
}

function parseSoftwareRelease(value: MarshalValue, computerId: string): SlapSoftwareRelease {
  const release = expectObject(value, ['SoftwareRelease'], 'a software release');
  const { attributes, initArgs } = release;
  return {
    url: text(attributes['_software_release']) ?? text(initArgs[0]) ?? '',
    computerId: text(attributes['_computer_guid']) ?? text(initArgs[1]) ?? computerId,
    requestedState: attributes['_requested_state'] === 'destroyed' ? 'destroyed' : 'available',
  };
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no ComputerPartition. */
export function parsePartition(value: MarshalValue): SlapPartition {
  const partition = expectObject(value, ['ComputerPartition'], 'a partition');
  const { attributes, initArgs } = partition;
  return {
    computerId: text(attributes['_computer_id']) ?? text(initArgs[0]) ?? '',
    partitionId: text(attributes['_partition_id']) ?? text(initArgs[1]) ?? '',
    needsModification: isSet(attributes['_need_modification'] ?? 0),
    softwareReleaseUrl: parseReleaseUrl(attributes['_software_release_document']),
    ...parseInstance(attributes),
  };
}

/** Numbers, booleans and texts of numbers; a container is no number at all. */
function isSet(value: MarshalValue): boolean {
  return typeof value === 'object' || Number(value) !== 0;
}

/** What ComputerPartition and SoftwareInstance have in common. */
function parseInstance(attributes: Attributes) {
  return {
    requestedState: text(attributes['_requested_state']) ?? '',
    instanceGuid: text(attributes['_instance_guid']),
    parameters: dictionary(attributes['_parameter_dict']),
    connection: parseConnection(attributes),
    filter: dictionary(attributes['_filter_dict']) ?? {},
    accessStatus: text(attributes['_access_status']),
  };
}

/** Old servers give no dictionary but the instance XML (spec/slap-protocol.md 5). */
function parseConnection(attributes: Attributes): Record<string, string | null> {
  const connection = dictionary(attributes['_connection_dict']);
  if (connection === null) return decodeInstanceXml(text(attributes['connection_xml']));
  return Object.fromEntries(
    Object.entries(connection).map(([key, value]) => [
      key,
      value === null ? null : pythonStr(value),
    ]),
  );
}

/** A SoftwareRelease, or a plain address in answers that slapproxy forwards. */
function parseReleaseUrl(value: MarshalValue | undefined): string | null {
  if (value instanceof MarshalObject) {
    return text(value.attributes['_software_release']) ?? text(value.initArgs[0]);
  }
  return text(value);
}

/**
 * The answer of requestComputerPartition: a SoftwareInstance, or a ComputerPartition when
 * slapproxy forwarded the request to another Master.
 * @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL for anything else.
 */
export function parseRequestAnswer(value: MarshalValue): InstanceAnswer {
  const what = 'a requested instance';
  const instance = expectObject(value, ['SoftwareInstance', 'ComputerPartition'], what);
  const { attributes, initArgs } = instance;
  const parameters = dictionary(attributes['_parameter_dict']) ?? {};
  const softwareType = attributes['slap_software_type'] ?? parameters['slap_software_type'];
  const release = attributes['slap_software_release_url'];
  return {
    partition: {
      computerId: text(attributes['slap_computer_id'] ?? initArgs[0]) ?? '',
      partitionId: text(attributes['slap_computer_partition_id'] ?? initArgs[1]) ?? '',
      needsModification: false,
      softwareReleaseUrl:
        text(release) ?? parseReleaseUrl(attributes['_software_release_document']),
      ...parseInstance(attributes),
      // slapproxy does not tell the state of shared instances, which are always started.
      requestedState: text(attributes['_requested_state']) ?? 'started',
      softwareType: text(softwareType),
    },
  };
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no list of pairs. */
export function parseAddressPairs(value: MarshalValue): Array<readonly [string, string]> {
  return items(value).map((pair) => {
    const parts = pair instanceof MarshalTuple ? pair.items : items(pair);
    return [text(parts[0]) ?? '', text(parts[1]) ?? ''] as const;
  });
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no list. */
export function parseTexts(value: MarshalValue): string[] {
  return items(value).map((item) => text(item) ?? '');
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no dictionary. */
export function parseCertificate(value: MarshalValue): { certificate: string; key: string } {
  const found = dictionary(value);
  if (found === null) throw unexpected('a certificate');
  return { certificate: text(found['certificate']) ?? '', key: text(found['key']) ?? '' };
}

/** @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when the value is no dictionary. */
export function parseStatus(value: MarshalValue): JsonObject {
  const status = dictionary(value);
  if (status === null) throw unexpected('a status');
  return renderJson(status);
}

function expectObject(
  value: MarshalValue,
  classNames: readonly string[],
  what: string,
): MarshalObject {
  if (value instanceof MarshalObject && classNames.includes(value.className)) return value;
  throw unexpected(what);
}

function text(value: MarshalValue | undefined): string | null {
  return value === null || value === undefined ? null : pythonStr(value);
}

function items(value: MarshalValue | undefined): readonly MarshalValue[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw unexpected('a list');
}

function dictionary(value: MarshalValue | undefined): Attributes | null {
  if (value === undefined || value === null) return null;
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === null;
  if (isPlain) return value as Attributes;
  throw unexpected('a dictionary');
}

function unexpected(what: string): MasterError {
  return new MasterError(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `The Master answered something else than ${what}.`,
    { hint: 'Check that master_url is the address of a SlapOS Master.' },
  );
}
