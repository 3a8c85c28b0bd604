/** What `node register` and `configure client` have in common: options, trust, the way out. */
import { resolve } from 'node:path';
import { expandUser } from '../config/path.ts';
import { readBounded } from '../config/read.ts';
import { ConfigError, errorMessage, isMasterError } from '../errors/slapos-error.ts';
import { homeOf } from '../host/folder/home-of.ts';
import { createHostFiles } from '../host/folder/host-files.ts';
import { moveEntry } from '../host/folder/place.ts';
import { tryLock } from '../host/lock.ts';
import { parseCertificate } from '../pki/certificate.ts';
import type { RegisterOutside } from '../register/register.ts';
import type { Step } from '../register/step.ts';
import { contactServer, type SiteTrust, sendOnce } from '../register/web-client.ts';
import { authorizationOf } from '../register/web-request.ts';
import type { CommandContext } from './command.ts';
import { openGivenSecrets } from './given-secrets.ts';
import { findLogin } from './site-login.ts';

const MAX_AUTHORITY_BYTES = 1024 * 1024;

/** The path of `--master-ca-file`, absolute. */
export function authorityPath({ options, env, cwd }: CommandContext): string | undefined {
  const given = options['master_ca_file'];
  return given === undefined ? undefined : resolve(cwd, expandUser(String(given), env, homeOf));
}

/** @throws ConfigError SLAPOS_ERR_CONFIG_FILE when the file holds no certificate */
export function readAuthority(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = new TextDecoder().decode(readBounded(path, MAX_AUTHORITY_BYTES));
    parseCertificate(text);
    return text;
  } catch (cause) {
    const message = `The authority in ${path} cannot be read: ${errorMessage(cause)}.`;
    throw new ConfigError('SLAPOS_ERR_CONFIG_FILE', message, { cause, context: { path } });
  }
}

/** @param question shown when the token has to be typed */
export function createOutside(
  context: CommandContext,
  trust: SiteTrust,
  question: string,
): RegisterOutside {
  let isMasterUnknown = false;
  const secrets = openGivenSecrets(context);
  return {
    files: createHostFiles(),
    log: context.log,
    signal: context.signal,
    ownUid: process.geteuid?.() ?? 0,
    authority: trust.authorities,
    nowMs: () => Date.now(),
    move: moveEntry,
    tryLock: (path) => tryLock(path),
    isMasterUnknown: () => isMasterUnknown,
    async contact(step) {
      if (step.role === 'site') return contactServer(step.url, trust);
      isMasterUnknown = await contactMaster(step, context, trust);
    },
    lookAtLogin: ({ login }) => void (login === 'token' ? secrets.token() : secrets.password()),
    login: (step) => findLogin(context, step, question, secrets, trust),
    send: (request, login) => sendOnce(request, authorizationOf(login), trust),
  };
}

/**
 * An absent Master may be back when the node is started; one that is somebody else is refused.
 * @returns whether its certificate is to be accepted unseen
 */
async function contactMaster(
  { url }: Extract<Step, { kind: 'contact' }>,
  { log }: CommandContext,
  trust: SiteTrust,
): Promise<boolean> {
  try {
    await contactServer(url, { ...trust, isInsecure: false });
    return false;
  } catch (error) {
    if (!isMasterError(error)) throw error;
    const isRefused = error.context['isCertificateRefused'] === true;
    if (isRefused && !trust.isInsecure) throw error;
    const advice = isRefused
      ? 'the configuration says master_tls_verify = false (--insecure)'
      : 'the node works only when it can be';
    log.warning(`${error.message.replace(/\.$/, '')}: ${advice}.`);
    return isRefused;
  }
}
