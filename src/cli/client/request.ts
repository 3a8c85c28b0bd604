/** `request` (spec/cli.md 6.2). */
import { UsageError } from '../../errors/slapos-error.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import type { InstanceRequest, SlapPartition } from '../../slap/master.ts';
import { renderPprint } from '../../slap/pprint.ts';
import { parsePythonJson, renderPythonJson } from '../../slap/python-json.ts';
import type { Serialisation } from '../../slap/software-schema.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import {
  askSerialisation,
  checkParameters,
  describeRelease,
  type ReleaseDescription,
  type Validation,
} from './parameter-check.ts';
import { readParameterFile } from './parameter-file.ts';
import { type Parameters, parsePairs, serialiseParameters } from './parameters.ts';
import { type ClientSession, resolveSoftware, withMaster } from './session.ts';

const DEFAULT_TYPE = 'default';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const [title = '', software = ''] = context.positionals;
    context.log.info(
      `Validating request parameters for ${title} as an instance of ${software} ...`,
    );
    const release = await findRelease(software, session, context);
    try {
      const request = await prepareRequest(title, release, session, context);
      if (context.options['dry_run'] === true) return showRequest(request, context);
      return await sendRequest(request, release, session, context);
    } finally {
      await release.reader.close();
    }
  });
};

async function findRelease(
  software: string,
  session: ClientSession,
  context: CommandContext,
): Promise<ReleaseDescription> {
  const { options, cwd } = context;
  const softwareRelease = await resolveSoftware(software, session, context);
  const { defaults } = session.options;
  const softwareType = textOption(options['type']) ?? defaults.get('type') ?? DEFAULT_TYPE;
  const kind = { softwareType, isShared: options['slave'] === true };
  return describeRelease(softwareRelease, kind, cwd);
}

async function prepareRequest(
  title: string,
  release: ReleaseDescription,
  session: ClientSession,
  context: CommandContext,
): Promise<InstanceRequest> {
  const { options } = context;
  const filter = parsePairs(listOption(options['node']), '--node');
  const parameters = await chooseParameters(release, context);
  const validation = (textOption(options['validate']) ?? 'warn') as Validation;
  return {
    softwareRelease: release.softwareRelease,
    softwareType: release.kind.softwareType,
    title,
    parameters: await checkParameters(parameters, release, validation, context),
    filter,
    state: textOption(options['state']) ?? session.options.defaults.get('state') ?? null,
    isShared: release.kind.isShared,
  };
}

async function sendRequest(
  request: InstanceRequest,
  release: ReleaseDescription,
  { master }: ClientSession,
  context: CommandContext,
): Promise<number> {
  const { title, softwareRelease } = request;
  context.log.info(`Requesting ${title} as an instance of ${softwareRelease} ...`);
  const { partition } = await master.requestInstance(request);
  if (partition === null) {
    context.log.warning(
      'Instance requested. Master is provisioning it. Please rerun in a couple of minutes to get connection information.',
    );
    return 2;
  }
  showInstance(partition, await connectionSerialisation(partition, release), context);
  return 0;
}

/** What would be sent, by upstream's names of the arguments. */
function showRequest(request: InstanceRequest, { output }: CommandContext): number {
  const shown: ReadonlyMap<string, MarshalValue> = new Map<string, MarshalValue>([
    ['software_release', request.softwareRelease],
    ['software_type', request.softwareType],
    ['partition_reference', request.title],
    ['shared', request.isShared],
    ['partition_parameter_kw', request.parameters],
    ['filter_kw', request.filter],
    ['state', request.state],
  ]);
  output.line(renderPythonJson(shown));
  return 0;
}

async function chooseParameters(
  release: ReleaseDescription,
  { options, log }: CommandContext,
): Promise<Parameters> {
  const file = textOption(options['parameters_file']);
  if (file === undefined) return parsePairs(listOption(options['parameters']), '--parameters');
  const { values, isXml, repeated } = await readParameterFile(file);
  for (const key of repeated) log.warning(`${file} has ${key} again: the last one counts.`);
  if (isXml) return serialiseParameters(values, 'xml');
  const forced = textOption(options['force_serialisation']) as Serialisation | undefined;
  const known = forced ?? (await askSerialisation(release));
  if (known !== null) return serialiseParameters(values, known);
  const { softwareRelease, kind } = release;
  const message = `${softwareRelease}.json does not say how parameters of type ${kind.softwareType} are sent.`;
  throw new UsageError('SLAPOS_ERR_USAGE', message, {
    exitCode: 1,
    hint: 'Add --force-serialisation xml or --force-serialisation json-in-xml.',
  });
}

/** Only a parameter `_` can be JSON, so only then is it worth asking. */
async function connectionSerialisation(
  { connection }: SlapPartition,
  release: ReleaseDescription,
): Promise<Serialisation> {
  if (typeof connection['_'] !== 'string') return 'xml';
  return (await askSerialisation(release)) ?? 'json-in-xml';
}

function showInstance(
  { requestedState, connection }: SlapPartition,
  serialisation: Serialisation,
  { log }: CommandContext,
): void {
  log.info(`Instance requested.\nState is : ${requestedState}.`);
  log.info('Connection parameters of instance are:');
  log.info(renderPprint(shownConnection(connection, serialisation)));
  log.info('You can rerun the command to get up-to-date information.');
}

function shownConnection(
  connection: SlapPartition['connection'],
  serialisation: Serialisation,
): MarshalValue {
  const text = connection['_'];
  if (serialisation === 'xml' || typeof text !== 'string') return connection;
  try {
    return parsePythonJson(text);
  } catch {
    // Not JSON after all: shown as it was published.
    return connection;
  }
}

function textOption(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function listOption(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}
