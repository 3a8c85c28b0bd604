/** `request` (spec/cli.md 6.2). */
import { UsageError } from '../../errors/slapos-error.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import type { InstanceRequest, SlapPartition } from '../../slap/master.ts';
import { renderPprint } from '../../slap/pprint.ts';
import { parsePythonJson } from '../../slap/python-json.ts';
import { readSerialisation, type Serialisation } from '../../slap/software-schema.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import {
  type Parameters,
  parsePairs,
  readParameterFile,
  serialiseParameters,
} from './parameters.ts';
import { type ClientSession, resolveSoftware, withMaster } from './session.ts';

const DEFAULT_TYPE = 'default';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const request = await prepareRequest(context, session);
    const { title, softwareRelease } = request;
    context.log.info(`Requesting ${title} as an instance of ${softwareRelease} ...`);
    const { partition } = await session.master.requestInstance(request);
    if (partition === null) {
      context.log.warning(
        'Instance requested. Master is provisioning it. Please rerun in a couple of minutes to get connection information.',
      );
      return 2;
    }
    const serialisation = await connectionSerialisation(partition, request, context);
    showInstance(partition, serialisation, context);
    return 0;
  });
};

async function prepareRequest(
  context: CommandContext,
  session: ClientSession,
): Promise<InstanceRequest> {
  const [title = '', software = ''] = context.positionals;
  const { options } = context;
  const { defaults } = session.options;
  const softwareRelease = await resolveSoftware(software, session, context);
  const softwareType = textOption(options['type']) ?? defaults.get('type') ?? DEFAULT_TYPE;
  return {
    softwareRelease,
    softwareType,
    title,
    parameters: await chooseParameters(softwareRelease, softwareType, context),
    filter: parsePairs(listOption(options['node']), '--node'),
    state: textOption(options['state']) ?? defaults.get('state') ?? null,
    isShared: options['slave'] === true,
  };
}

async function chooseParameters(
  softwareRelease: string,
  softwareType: string,
  context: CommandContext,
): Promise<Parameters> {
  const { options, cwd } = context;
  const file = textOption(options['parameters_file']);
  if (file === undefined) return parsePairs(listOption(options['parameters']), '--parameters');
  const { parameters, isXml } = await readParameterFile(file);
  if (isXml) return parameters;
  const forced = textOption(options['force_serialisation']) as Serialisation | undefined;
  const known = forced ?? (await readSerialisation(softwareRelease, softwareType, cwd));
  if (known !== null) return serialiseParameters(parameters, known);
  const message = `${softwareRelease}.json does not say how parameters of type ${softwareType} are sent.`;
  throw new UsageError('SLAPOS_ERR_USAGE', message, {
    exitCode: 1,
    hint: 'Add --force-serialisation xml or --force-serialisation json-in-xml.',
  });
}

/** Only a parameter `_` can be JSON, so only then is it worth asking. */
async function connectionSerialisation(
  { connection }: SlapPartition,
  { softwareRelease, softwareType }: InstanceRequest,
  { cwd }: CommandContext,
): Promise<Serialisation> {
  if (typeof connection['_'] !== 'string') return 'xml';
  return (await readSerialisation(softwareRelease, softwareType, cwd)) ?? 'json-in-xml';
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
