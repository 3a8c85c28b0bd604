/**
 * A new certificate for a node, in the name of a person (spec/register.md 6). A Master that allows
 * one certificate at a time cuts the node off between revocation and the new one, so that the
 * answer is on disk at once, and each step can be done again by the next run.
 */
import { basename, dirname, join } from 'node:path';
import { errorMessage, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import type { NewText } from '../host/folder/replace-together.ts';
import type { HostFiles } from '../host/host.ts';
import type { Logger } from '../log/logger.ts';
import { clearWork, discardWork, keepSecret } from './clear-work.ts';
import { findComputerId } from './computer-id.ts';
import { type Credentials, checkCredentials } from './credentials.ts';
import type { WorkFacts } from './facts.ts';

export interface Renewal {
  readonly computerId: string;
  readonly keyFile: string;
  readonly certFile: string;
}

type Pair = Pick<Credentials, 'certificate' | 'key'>;

export interface RenewalPort {
  readonly files: HostFiles;
  readonly log: Logger;
  readonly signal: AbortSignal;
  nowMs(): number;
  /** @throws MasterError, also while a certificate is valid */
  generate(): Promise<Pair>;
  revoke(): Promise<void>;
  /** Replaces all of these files, 0600, or none. */
  replaceTogether(files: readonly NewText[]): Promise<void>;
  /** Asks the Master something with the pair in these files. */
  tryPair(keyFile: string, certFile: string): Promise<void>;
}

export type RenewalStep =
  | { readonly kind: 'ask'; readonly path: string }
  | { readonly kind: 'inspect' }
  | { readonly kind: 'write'; readonly path: string; readonly content: 'certificate' | 'key' }
  | { readonly kind: 'try'; readonly keyFile: string; readonly certFile: string }
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  | { readonly kind: 'replace'; readonly keyFile: string; readonly certFile: string }
  | { readonly kind: 'remove'; readonly path: string };

const ANSWER = 'answer.json';
const STILL_ACTIVE = 'Certificate still active';

/** Where a renewal keeps what it was given, beside the certificate. */
export function renewalFolderOf({ certFile }: Renewal): string {
  return join(dirname(certFile), `.${basename(certFile)}.renewal`);
}

/** @param hasAnswer whether an earlier run was given one */
export function planRenewal(renewal: Renewal, hasAnswer: boolean): readonly RenewalStep[] {
  const { keyFile, certFile } = renewal;
  const work = renewalFolderOf(renewal);
  const [newKey, newCertificate] = [join(work, 'key'), join(work, 'certificate')];
  return [
    ...(hasAnswer ? [] : [{ kind: 'ask', path: join(work, ANSWER) } as const]),
    { kind: 'inspect' },
    { kind: 'write', path: newKey, content: 'key' },
    { kind: 'write', path: newCertificate, content: 'certificate' },
    { kind: 'try', keyFile: newKey, certFile: newCertificate },
    { kind: 'copy', from: keyFile, to: `${keyFile}.old` },
    { kind: 'copy', from: certFile, to: `${certFile}.old` },
    { kind: 'replace', keyFile, certFile },
    { kind: 'remove', path: work },
  ];
}

export function renderRenewalStep(step: RenewalStep): string {
  switch (step.kind) {
    case 'ask':
      return `revoke the certificate if it is valid, get a new one and keep it in ${step.path} mode 0600`;
    case 'inspect':
      return 'check the new certificate: its dates, its key, whose it is';
    case 'write':
      return `write ${step.path} mode 0600 (new ${step.content})`;
    case 'try':
      return 'ask the Master for the computer with the new pair';
    case 'copy':
      return `copy ${step.from} to ${step.to} mode 0600, unless it holds the new one`;
    case 'replace':
      return `replace ${step.keyFile} and ${step.certFile} mode 0600 by the new pair, both or none`;
    case 'remove':
      return `remove ${step.path}`;
  }
}

/**
 * @param kept of an earlier run
 * @throws SlaposError of the step that failed; the next run goes on after what was done
 */
export async function applyRenewal(
  renewal: Renewal,
  kept: Pair | undefined,
  port: RenewalPort,
): Promise<void> {
  const state = { pair: kept };
  try {
    for (const step of planRenewal(renewal, kept !== undefined)) {
      port.signal.throwIfAborted();
      await applyStep(step, renewal, state, port);
    }
  } catch (error) {
    if (state.pair === undefined) {
      await discardWork(renewalFolderOf(renewal), port);
    }
    if (state.pair === undefined || !isSlaposError(error)) throw error;
    const hint = `the new certificate is kept in ${renewalFolderOf(renewal)}: run the same command again to go on, or remove that folder to get another`;
    const { code, message, context } = error;
    throw new SlaposError(code, message, { hint, cause: error, context });
  }
}

async function applyStep(
  step: RenewalStep,
  renewal: Renewal,
  state: { pair: Pair | undefined },
  port: RenewalPort,
): Promise<void> {
  if (step.kind === 'ask') {
    state.pair = await ask(port);
    return keepSecret(step.path, `${JSON.stringify(state.pair)}\n`, port.files);
  }
  const { pair } = state;
  if (pair === undefined) throw new Error('a pair is asked for before it is used');
  if (step.kind === 'inspect') return inspect(pair, renewal, port);
  if (step.kind === 'write')
    return port.files.write(step.path, pair[step.content], { mode: 0o600 });
  if (step.kind === 'try') return port.tryPair(step.keyFile, step.certFile);
  if (step.kind === 'remove') return clearWork(step.path, ANSWER, port);
  if (step.kind === 'replace') return replace(step, pair, port);
  const text = await port.files.readText(step.from);
  if (text === undefined || text === pair.key || text === pair.certificate) return;
  await port.files.write(step.to, text, { mode: 0o600 });
}

/** One without the other serves nobody: a run that ends in between leaves the former pair or the new one. */
function replace(
  { keyFile, certFile }: Extract<RenewalStep, { kind: 'replace' }>,
  { key, certificate }: Pair,
  port: RenewalPort,
): Promise<void> {
  return port.replaceTogether([
    { path: keyFile, text: key },
    { path: certFile, text: certificate },
  ]);
}

/** An authority that allows overlap gives one at once; else the valid one goes first. */
async function ask(port: RenewalPort): Promise<Pair> {
  try {
    return await port.generate();
  } catch (error) {
    if (!errorMessage(error).includes(STILL_ACTIVE)) throw error;
  }
  port.log.info(
    'Revoking the present certificate: the node is cut off until the new one is there.',
  );
  await port.revoke();
  try {
    return await port.generate();
  } catch (cause) {
    if (!isSlaposError(cause)) throw cause;
    throw new SlaposError(
      cause.code,
      `The certificate was revoked, and no new one came: ${cause.message}`,
      {
        cause,
        hint: 'run the same command again at once: the node cannot speak to the Master',
      },
    );
  }
}

function inspect(pair: Pair, { computerId }: Renewal, { nowMs }: RenewalPort): void {
  try {
    checkCredentials({ ...pair, reference: computerId }, nowMs());
    findComputerId(pair.certificate, computerId);
  } catch (cause) {
    const message = `The new certificate cannot be used: ${errorMessage(cause)}.`;
    throw new SlaposError('SLAPOS_ERR_CERTIFICATE', message, { cause });
  }
}

/** What an earlier run was given; undefined when it was given nothing. */
export function decodeRenewal(text: string | undefined, path: string): Pair | undefined {
  if (text === undefined) return undefined;
  try {
    const { certificate, key } = JSON.parse(text) as Partial<Pair>;
    if (typeof certificate === 'string' && typeof key === 'string') return { certificate, key };
  } catch {
    // Refused below.
  }
  throw new SlaposError(
    'SLAPOS_ERR_STATE_FILE',
    `The certificate kept in ${path} cannot be read.`,
    {
      hint: 'look at it: it may hold a private key; remove its folder to renew anew',
    },
  );
}

/** @throws SlaposError as {@link decodeRenewal} */
export async function readRenewal(renewal: Renewal, files: HostFiles): Promise<Pair | undefined> {
  const path = join(renewalFolderOf(renewal), ANSWER);
  return decodeRenewal(await files.readText(path), path);
}

/** For {@link WorkFacts}: nothing of a renewal is for somebody else. */
export function renewalWork(status: WorkFacts['status']): WorkFacts {
  return { status, note: undefined, kept: undefined };
}
