/** `node register` from options to a configured node (spec/register.md 1 and 8). */
import { join } from 'node:path';
import { renderNodeConfig } from '../config/render-node-config.ts';
import { BusyError } from '../errors/slapos-error.ts';
import type { FileLock, LockAttempt } from '../host/lock.ts';
import { type CertificateFacts, parseCertificate } from '../pki/certificate.ts';
import { applyRegister, type RegisterPort } from './apply.ts';
import { findComputerId } from './computer-id.ts';
import { type Credentials, checkCredentials } from './credentials.ts';
import { observeRegister } from './observe.ts';
import { type RegisterOptions, workFolderOf } from './options.ts';
import { planRegister, type RegisterPlan } from './plan-register.ts';
import type { FileContent, Step } from './step.ts';

/** Home of the state file and the logs of a registered node, as upstream has it. */
const HOME = '/opt/slapos';

/** What the outside gives; the rest of {@link RegisterPort} follows from the options. */
export type RegisterOutside = Omit<RegisterPort, 'inspect' | 'render'> & {
  readonly ownUid: number;
  /** Takes the lock of a file if it is free. */
  tryLock(path: string): LockAttempt;
  /**
   * Looks at what was given of a login, before anybody is asked.
   * @throws UsageError SLAPOS_ERR_USAGE for what is of no use
   */
  lookAtLogin(step: Extract<Step, { kind: 'login' }>): void;
  /** Text of `--master-ca-file`. */
  readonly authority: string | undefined;
  /** Whether the Master itself shows a certificate that nobody vouches for, as was found out. */
  isMasterUnknown(): boolean;
};

type Lookers = Pick<RegisterOutside, 'files' | 'lookAtLogin' | 'ownUid'>;

export interface Registered {
  readonly computerId: string;
  readonly facts: CertificateFacts;
}

/**
 * What would be done, with the state of the machine as it is.
 * @throws SlaposError as {@link planRegister}; UsageError for a login that is of no use
 */
export async function planOnMachine(
  options: RegisterOptions,
  outside: Lookers,
): Promise<RegisterPlan> {
  const facts = await observeRegister(options, outside.files, outside.ownUid);
  const plan = planRegister(options, facts);
  lookAtLogins(plan.steps, outside);
  return plan;
}

/** An answer that is kept needs no login: what was given of one may be gone. */
export function lookAtLogins(
  steps: readonly Step[],
  { lookAtLogin }: Pick<RegisterOutside, 'lookAtLogin'>,
): void {
  for (const step of steps) if (step.kind === 'login') lookAtLogin(step);
}

/**
 * Registers the machine, or goes on with what an earlier run was given.
 * @returns the computer that it is now, and what its certificate says
 * @throws SlaposError as {@link planOnMachine} and {@link applyRegister}; BusyError
 */
export async function registerNode(
  options: RegisterOptions,
  outside: RegisterOutside,
): Promise<Registered> {
  const { files, log, ownUid } = outside;
  // First without touching anything: most mistakes show here.
  for (const warning of (await planOnMachine(options, outside)).warnings) log.warning(warning);
  const work = workFolderOf(options.folder);
  return withLock(work, outside, async () => {
    const facts = await observeRegister(options, files, ownUid);
    const { steps, occupied } = planRegister(options, facts);
    const purpose = { nodeName: options.nodeName, site: options.site };
    const { kept, note } = facts.work;
    const run = { purpose, work, steps, occupied, kept, isNoted: note !== undefined };
    if (kept !== undefined) log.info(`Going on with the answer kept in ${work}.`);
    const credentials = await applyRegister(run, {
      ...outside,
      inspect: (given) => void inspectNode(given, outside.nowMs()),
      render: (content, given) => renderFile(content, given, options, outside),
    });
    const { certificate, reference } = credentials;
    return {
      computerId: findComputerId(certificate, reference),
      facts: parseCertificate(certificate),
    };
  });
}

/**
 * Runs work that only one process may do in a private folder, which is made for it.
 * @throws BusyError SLAPOS_ERR_BUSY
 */
export async function withLock<T>(
  work: string,
  { files, tryLock }: Pick<RegisterOutside, 'files' | 'tryLock'>,
  run: () => Promise<T>,
): Promise<T> {
  await files.mkdir(work, { mode: 0o700 });
  const { lock, ...other } = tryLock(join(work, 'lock'));
  if (lock === undefined) {
    const pid = 'holderPid' in other ? ` ${other.holderPid}` : '';
    throw new BusyError('SLAPOS_ERR_BUSY', `Process${pid} is registering this already.`);
  }
  return released(lock, run);
}

async function released<T>(lock: FileLock, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    lock.release();
  }
}

function inspectNode(credentials: Credentials, nowMs: number): void {
  checkCredentials(credentials, nowMs);
  findComputerId(credentials.certificate, credentials.reference);
}

function renderFile(
  content: FileContent,
  credentials: Credentials,
  options: RegisterOptions,
  outside: RegisterOutside,
): string {
  if (content === 'key' || content === 'certificate') return credentials[content];
  if (content === 'authority') return outside.authority ?? '';
  return renderConfiguration(credentials, options, outside.isMasterUnknown());
}

function renderConfiguration(
  { certificate, reference }: Credentials,
  options: RegisterOptions,
  isMasterUnknown: boolean,
): string {
  const { folder, ipv6Interface, caFile } = options;
  return renderNodeConfig({
    ...options,
    computerId: findComputerId(certificate, reference),
    ...(ipv6Interface === undefined ? {} : { ipv6Interface }),
    certificates: {
      keyFile: join(folder, 'ssl/key'),
      certFile: join(folder, 'ssl/certificate'),
      repositoryPath: join(folder, 'ssl/partition_pki'),
    },
    ...(caFile === undefined ? {} : { masterCaFile: join(folder, 'ssl/master_ca.crt') }),
    isMasterTrustedBlindly: isMasterUnknown,
    createTap: options.hasTaps ? 'True' : 'False',
    home: HOME,
  });
}
