/** Handler of `slapos node format` (spec/format.md 4): wires the verb to the machine. */
import { dirname } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { parseDialect } from '../../config/dialect.ts';
import {
  BusyError,
  CancelledError,
  ConfigError,
  errorMessage,
  isSlaposError,
} from '../../errors/slapos-error.ts';
import type { DefinitionSections } from '../../format/definition.ts';
import { renderComputerPost } from '../../format/document.ts';
import type { ApplyHooks } from '../../format/effect.ts';
import { type Facts, readOsType } from '../../format/facts.ts';
import { type FormatInput, formatComputer, type Prepared, prepare } from '../../format/format.ts';
import { checkManagers } from '../../format/managers.ts';
import { type FormatOptions, mergeOptions, parseOptions } from '../../format/options.ts';
import type { FormatPorts } from '../../format/ports.ts';
import { readPublicIpv4 } from '../../format/public-ipv4.ts';
import { renderPlan, renderPlanJson } from '../../format/render.ts';
import { createHost } from '../../host/create-host.ts';
import { createBeneathFiles } from '../../host/file.ts';
import { type FileLock, tryLock } from '../../host/lock.ts';
import { loadNative } from '../../host/native.ts';
import { fetchText } from '../../host/network/fetch-text.ts';
import type { Computer } from '../../model/computer.ts';
import { loadHttp } from '../../slap/connection.ts';
import { createSlapClient } from '../../slap/slap-client.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { PACKAGE_VERSION } from '../version.ts';
import { createFormatProgress } from './format-progress.ts';

const LONGEST_DELAY_SECONDS = 3600;
const STATE_FOLDER_MODE = 0o755;
/** How long the public address may keep a run waiting: it is told, never needed. */
const PUBLIC_ADDRESS_DEADLINE_MS = 1000;
/** Version of upstream that Masters may expect of us, with ours behind it. */
const SLAPOS_VERSION = `1.24.0+node.${PACKAGE_VERSION}`;

export async function run(context: CommandContext): Promise<number> {
  const merged = mergeOptions(context.config, context.options);
  const logFile = merged.get('log_file');
  if (logFile && !context.hasLogFileOption) context.addLogFile(logFile);
  const options = parseOptions(merged, context.cwd);
  const ports: FormatPorts = { host: createHost(), partitionFiles: createBeneathFiles() };
  await checkFiles(options, ports);
  checkManagers(options, context.log);
  const input = {
    options,
    ports,
    log: context.log,
    definition: await readDefinition(options, ports),
  };
  if (context.options['check'] === true) return check(context, input);
  if (options.isDryRun) return dryRun(context, input);
  await delay(options, context);
  const lock = await takeLock(options, ports);
  try {
    return await formatAndReport(context, input);
  } finally {
    lock.release();
  }
}

/** Files that the configuration names must exist, even when it names the empty path. */
async function checkFiles(options: FormatOptions, { host }: FormatPorts): Promise<void> {
  const files = { key_file: options.keyFile, cert_file: options.certFile };
  for (const [key, path] of Object.entries({ ...files, master_ca_file: options.masterCaFile })) {
    if (path === null || (path !== '' && (await host.files.stat(path)) !== undefined)) continue;
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', `File '${path}' does not exist. (${key})`, {
      hint: `Create it, or correct or remove ${key}.`,
      context: { key, path },
    });
  }
}

async function readDefinition(
  { inputDefinitionFile: path }: FormatOptions,
  { host }: FormatPorts,
): Promise<DefinitionSections | undefined> {
  if (path === null) return undefined;
  const text = await host.files.readText(path);
  if (text === undefined) {
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', `File '${path}' does not exist.`, {
      hint: 'Correct input_definition_file.',
      context: { path },
    });
  }
  const sections = new Map<string, Map<string, string>>();
  for (const [name, { values }] of parseDialect(text, path).sections) {
    sections.set(name, new Map([...values].map(([key, value]) => [key, value.text])));
  }
  return sections;
}

type Input = Omit<FormatInput, 'facts'>;

/** Prints the very steps that a run would take now. */
async function dryRun(context: CommandContext, input: Input): Promise<number> {
  const prepared = await prepare({ ...input, facts: await readFacts(null) });
  for (const warning of prepared.warnings) context.log.warning(warning);
  await writeDefinition(prepared, input);
  writePlan(context, prepared);
  return EXIT.ok;
}

/** Prints what a run would change and says by the exit status whether there is anything. */
async function check(context: CommandContext, input: Input): Promise<number> {
  const prepared = await prepare({ ...input, facts: await readFacts(null) });
  for (const warning of prepared.warnings) context.log.warning(warning);
  writePlan(context, prepared);
  return prepared.steps.length === 0 ? EXIT.ok : EXIT.pending;
}

function writePlan({ options, output }: CommandContext, prepared: Prepared): void {
  const isJson = options['format'] === 'json';
  output.write(isJson ? renderPlanJson(prepared) : renderPlan(prepared.steps, prepared.notes));
}

/** The one file that a dry run writes, as upstream does: it is what was asked for. */
async function writeDefinition({ steps }: Prepared, { options, ports }: Input): Promise<void> {
  const path = options.outputDefinitionFile;
  const step = steps.find((one) => one.kind === 'fileWrite' && one.path === path);
  if (step?.kind !== 'fileWrite') return;
  await ports.host.files.write(step.path, step.content, { mode: step.mode });
}

async function readFacts(publicIpv4Address: string | null): Promise<Facts> {
  return {
    osType: await readOsType(loadNative().capabilities().glibcVersion),
    slaposVersion: SLAPOS_VERSION,
    pythonVersion: '',
    publicIpv4Address,
  };
}

async function delay(options: FormatOptions, { log, signal }: CommandContext): Promise<void> {
  if (options.isNow) return;
  const delayMs = Math.random() * LONGEST_DELAY_SECONDS * 1000;
  log.info(`Waiting ${Math.round(delayMs / 1000)} seconds before starting (--now starts at once).`);
  try {
    await sleep(delayMs, undefined, { signal });
  } catch (cause) {
    throw new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted while waiting.', { cause });
  }
}

async function takeLock(options: FormatOptions, { host }: FormatPorts): Promise<FileLock> {
  const folder = dirname(options.computerXml);
  await host.files.mkdir(folder, { mode: STATE_FOLDER_MODE, isRecursive: true });
  const path = `${options.computerXml}.lock`;
  const attempt = tryLock(path);
  if (attempt.lock !== undefined) return attempt.lock;
  const holder = attempt.holderPid === undefined ? '' : ` (pid ${attempt.holderPid})`;
  throw new BusyError('SLAPOS_ERR_BUSY', `Another slapos node format is running${holder}.`, {
    hint: 'Wait for it to end.',
    context: { path, pid: attempt.holderPid },
  });
}

async function formatAndReport(context: CommandContext, input: Input): Promise<number> {
  const { log, signal } = context;
  const facts = askPublicIpv4().then(readFacts);
  const progress = createFormatProgress(log, context.statusLine);
  const hooks = {
    onPlan: (prepared: Prepared) => {
      announce(context, prepared);
      progress.begin(prepared.steps.length);
    },
    onBatch: (batch: Parameters<ApplyHooks['onBatch']>[0]) => {
      progress.batch(batch);
      // The kernel works for tens of milliseconds, this thread does not: the report comes next.
      if (batch.kind === 'deviceCreate') void loadHttp();
    },
    onAdvance: progress.advance,
    onWarning: (message: string) => log.warning(message),
    now: () => new Date(),
    signal,
  };
  const run = formatComputer({ ...input, facts }, hooks);
  const computer = await run.finally(progress.end);
  const isReported = await report(context, input.options, computer);
  log.info(`Computer ${computer.reference} prepared: ${computer.partitions.length} partitions.`);
  return isReported ? EXIT.ok : EXIT.usage;
}

/** After the files of the state were asked for: this thread has nothing to do while they come. */
async function askPublicIpv4(): Promise<string | null> {
  await setImmediate();
  return readPublicIpv4(fetchText, PUBLIC_ADDRESS_DEADLINE_MS);
}

function announce({ log }: CommandContext, { steps, warnings, notes }: Prepared): void {
  for (const note of notes) log.warning(note, { event: 'format.renumbered' });
  for (const warning of warnings) log.warning(warning, { event: 'format.address_replaced' });
  log.info(steps.length === 0 ? 'Nothing to do.' : `${steps.length} steps to take.`, {
    event: 'format.planned',
    steps: steps.length,
  });
}

/** False when the Master could not be told: the host is prepared all the same. */
async function report(
  { log }: CommandContext,
  options: FormatOptions,
  computer: Computer,
): Promise<boolean> {
  const master = createSlapClient({
    masterUrl: options.masterUrl,
    keyFile: options.keyFile && options.certFile ? options.keyFile : undefined,
    certFile: options.keyFile && options.certFile ? options.certFile : undefined,
    caFile: options.masterCaFile ?? undefined,
    isTlsVerified: options.isMasterVerified,
  });
  try {
    log.info(`Reporting the computer to ${options.masterUrl}.`);
    await master.loadComputerConfiguration(renderComputerPost(computer));
    return true;
  } catch (error) {
    log.error(`The Master was not informed: ${errorMessage(error)}`, { event: 'format.offline' });
    if (isSlaposError(error) && error.hint !== undefined) log.error(error.hint);
    if (isSlaposError(error) && error.code === 'SLAPOS_ERR_MASTER_NOT_FOUND') {
      log.error('Check that computer_id and the certificate belong together.');
    }
    return false;
  } finally {
    await master.close();
  }
}
