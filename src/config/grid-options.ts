/** The typed settings of the grid commands, with the checks of spec/cli.md 3.3. */
import { resolve } from 'node:path';
import { ConfigError } from '../errors/slapos-error.ts';
import {
  type BinaryCacheOptions,
  CACHE_FILES,
  readBinaryCacheOptions,
} from './binary-cache-options.ts';
import { parseByteSize } from './byte-size.ts';
import type { Config } from './config.ts';
import {
  badValue,
  type CliValue,
  type GridSettings,
  mergeGridSettings,
  readStrictBoolean,
} from './grid-settings.ts';

export type PidfileKind = 'software' | 'instance' | 'report';

/** Client certificate of the computer. */
export interface ComputerCertificate {
  readonly keyFile: string;
  readonly certFile: string;
}

export interface GridOptions {
  readonly computerId: string;
  readonly masterUrl: string;
  readonly masterRestUrl: string | undefined;
  readonly masterCaFile: string | undefined;
  readonly masterTimeoutSeconds: number;
  readonly certificate: ComputerCertificate | undefined;
  readonly certificateRepository: string | undefined;
  /** Absolute. */
  readonly instanceRoot: string;
  /** Absolute. */
  readonly softwareRoot: string;
  /** `[slapos] buildout`: a script that bootstraps. */
  readonly buildoutScript: string | undefined;
  /** `[slapos] buildout_python`: a Python that can import zc.buildout. */
  readonly buildoutPython: string | undefined;
  readonly maximumPeriodicitySeconds: number;
  readonly partitionTimeoutSeconds: number | undefined;
  readonly promiseTimeoutSeconds: number;
  /** For the report scripts of a partition together, and for its destroy script; 0: no limit. */
  readonly reportTimeoutSeconds: number;
  readonly softwareMinFreeBytes: number;
  readonly instanceMinFreeBytes: number;
  readonly instanceStorageHome: string;
  readonly ipv4GlobalNetwork: string;
  /** As the file has them: one path per line. */
  readonly sharedPartList: string;
  readonly buildTimePartList: string;
  readonly isSupervisorLaunchForbidden: boolean;
  readonly maximalDelaySeconds: number;
  readonly isForced: boolean;
  readonly isForceStop: boolean;
  readonly isGarbageCollect: boolean;
  readonly isBuildoutDebug: boolean;
  /** Empty: everything. Partition ids, or URLs and md5 sums of software releases. */
  readonly only: readonly string[];
  /** How many partitions are processed at a time; undefined: as many as there are cores. */
  readonly jobs: number | undefined;
  /** Options of `[networkcache]` that buildout gets, in their order, without empty ones. */
  readonly networkcache: ReadonlyMap<string, string>;
  /** Whole releases from a cache and to it. */
  readonly binaryCache: BinaryCacheOptions;
  pidfile(kind: PidfileKind): string;
}

const REQUIRED = ['computer_id', 'instance_root', 'master_url', 'software_root'];
const PIDFILES: Readonly<Record<PidfileKind, string>> = {
  software: '/opt/slapos/slapgrid-sr.pid',
  instance: '/opt/slapos/slapgrid-cp.pid',
  report: '/opt/slapos/slapgrid-ur.pid',
};
const NETWORKCACHE_KEYS = [
  'signature-private-key-file',
  'upload-cache-url',
  'upload-dir-url',
  ...CACHE_FILES,
];
const DAY_SECONDS = 86_400;

/**
 * Reads and checks the settings; files are checked apart, by {@link missingGridFile}.
 * @throws ConfigError for missing, empty or senseless values.
 */
export function readGridOptions(
  config: Config,
  cli: Readonly<Record<string, CliValue | undefined>>,
): GridOptions {
  const settings = mergeGridSettings(config, cli);
  checkMandatory(settings);
  return {
    ...readMaster(settings),
    ...readFolders(settings),
    ...readLimits(settings),
    ...readRequest(settings),
    isSupervisorLaunchForbidden: readStrictBoolean(
      settings,
      'forbid_supervisord_automatic_launch',
      false,
    ),
    networkcache: readNetworkcache(settings),
    binaryCache: readBinaryCacheOptions(settings),
    pidfile: (kind) =>
      settings.text(`pidfile_${kind}`) ?? settings.text('pidfile') ?? PIDFILES[kind],
  };
}

/** Files and folders that must exist when they are set, in the order in which they are checked. */
export function listGridFiles(
  config: Config,
  cli: Readonly<Record<string, CliValue | undefined>>,
): ReadonlyArray<{ readonly path: string; readonly kind: 'file' | 'directory' }> {
  const settings = mergeGridSettings(config, cli);
  const names = ['key_file', 'cert_file', 'master_ca_file', ...NETWORKCACHE_KEYS.slice(3)];
  const files = [...names.map((name) => settings.text(name)), signatureKey(settings)];
  const folder = settings.text('certificate_repository_path');
  return [
    ...files.filter(isSet).map((path) => ({ path, kind: 'file' as const })),
    ...(isSet(folder) ? [{ path: folder, kind: 'directory' as const }] : []),
  ];
}

/** The error for a path of {@link listGridFiles} that is not there. */
export function missingGridFile(path: string, kind: 'file' | 'directory'): ConfigError {
  const message =
    kind === 'file' ? `File '${path}' does not exist.` : `Directory '${path}' does not exist`;
  return new ConfigError('SLAPOS_ERR_CONFIG_FILE', message, { context: { path } });
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function signatureKey(settings: GridSettings): string | undefined {
  const dashed = settings.text('signature-private-key-file');
  return isSet(dashed) ? dashed : settings.text('signature_private_key_file');
}

function checkMandatory(settings: GridSettings): void {
  const isCertified = settings.text('key_file') ?? settings.text('cert_file');
  const names = [
    ...REQUIRED,
    ...(isCertified === undefined ? [] : ['key_file', 'cert_file', 'certificate_repository_path']),
  ].sort();
  const missing = names.filter((name) => settings.text(name) === undefined);
  if (missing.length > 0) throw keyError('Missing mandatory parameters', missing);
  const empty = names.filter((name) => settings.text(name) === '');
  if (empty.length > 0) throw keyError('Mandatory parameters present but empty', empty);
}

function keyError(text: string, names: readonly string[]): ConfigError {
  return new ConfigError('SLAPOS_ERR_CONFIG_KEY_MISSING', `${text}: ${names.join(', ')}`, {
    hint: 'Give them in section [slapos] of the configuration or on the command line.',
  });
}

function optional(settings: GridSettings, name: string): string | undefined {
  const value = settings.text(name);
  return isSet(value) ? value : undefined;
}

function readMaster(settings: GridSettings) {
  const keyFile = optional(settings, 'key_file');
  const certFile = optional(settings, 'cert_file');
  return {
    computerId: settings.text('computer_id') ?? '',
    masterUrl: settings.text('master_url') ?? '',
    masterRestUrl: optional(settings, 'master_rest_url'),
    masterCaFile: optional(settings, 'master_ca_file'),
    masterTimeoutSeconds: readSeconds(settings, 'master_timeout', 60),
    certificate:
      keyFile === undefined || certFile === undefined ? undefined : { keyFile, certFile },
    certificateRepository: optional(settings, 'certificate_repository_path'),
  };
}

function readFolders(settings: GridSettings) {
  return {
    instanceRoot: resolve(settings.text('instance_root') ?? ''),
    softwareRoot: resolve(settings.text('software_root') ?? ''),
    buildoutScript: optional(settings, 'buildout'),
    buildoutPython: optional(settings, 'buildout_python'),
    instanceStorageHome: settings.text('instance_storage_home') ?? '',
    ipv4GlobalNetwork: settings.text('ipv4_global_network') ?? '',
    sharedPartList: settings.text('shared_part_list') ?? '',
    buildTimePartList: settings.text('build_time_part_list') ?? '',
  };
}

function readLimits(settings: GridSettings) {
  return {
    maximumPeriodicitySeconds: settings.integer('maximum_periodicity') ?? DAY_SECONDS,
    partitionTimeoutSeconds:
      settings.integer('partition_timeout') ?? settings.integer('partition-timeout'),
    promiseTimeoutSeconds: settings.integer('promise_timeout') ?? 20,
    reportTimeoutSeconds: settings.integer('report_timeout') ?? 900,
    softwareMinFreeBytes: readSize(settings, 'software_min_free_space'),
    instanceMinFreeBytes: readSize(settings, 'instance_min_free_space'),
    maximalDelaySeconds: settings.flag('now') ? 0 : (settings.integer('maximal_delay') ?? 0),
  };
}

function readRequest(settings: GridSettings) {
  const list = settings.text('only_sr') ?? settings.text('only_cp') ?? '';
  return {
    isForced: settings.flag('force'),
    isForceStop: settings.flag('force_stop'),
    isGarbageCollect: settings.flag('garbage_collect'),
    isBuildoutDebug: settings.flag('buildout_debug'),
    only: list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
    jobs: readJobs(settings),
  };
}

function readSeconds(settings: GridSettings, name: string, preset: number): number {
  const seconds = settings.integer(name) ?? preset;
  if (seconds >= 1) return seconds;
  throw badValue(name, `'${seconds}' is not a time limit.`, settings.locate(name));
}

function readJobs(settings: GridSettings): number | undefined {
  const jobs = settings.integer('jobs');
  if (jobs !== undefined && jobs < 1) {
    throw badValue('jobs', `'${jobs}' is not a number of jobs.`, settings.locate('jobs'));
  }
  return jobs;
}

function readSize(settings: GridSettings, name: string): number {
  const text = settings.text(name) ?? '1000M';
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw badValue(name, `'${text}' is not a size.`, settings.locate(name));
  return bytes;
}

function readNetworkcache(settings: GridSettings): ReadonlyMap<string, string> {
  const entries = NETWORKCACHE_KEYS.map((name): [string, string | undefined] => [
    name,
    name === 'signature-private-key-file' ? signatureKey(settings) : settings.text(name),
  ]);
  return new Map(entries.filter((entry): entry is [string, string] => isSet(entry[1])));
}
