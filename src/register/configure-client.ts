/** `configure client` from options to a configuration (spec/register.md 2). */
import { basename, dirname, join } from 'node:path';
import { renderClientConfig } from '../config/render-client-config.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import { lookAtPlace, type Place } from '../host/folder/place.ts';
import type { HostFiles } from '../host/host.ts';
import { findCredentials } from './answer.ts';
import { applyRegister } from './apply.ts';
import { checkCredentials } from './credentials.ts';
import type { WorkFacts } from './facts.ts';
import { observeWork } from './observe.ts';
import { checkPlace, checkWork, planRequest } from './plan-work.ts';
import { lookAtLogins, type RegisterOutside, withLock } from './register.ts';
import type { Step } from './step.ts';
import { personRequest } from './web-request.ts';

export interface ClientRegistration {
  /** Configuration file, absolute. */
  readonly path: string;
  /** As given. */
  readonly masterUrl: string;
  readonly site: string;
  /** File of authorities, absolute. */
  readonly caFile: string | undefined;
}

interface ClientFacts {
  /** The folder of the configuration, if it exists. */
  readonly folder: Place | undefined;
  readonly parent: Place | undefined;
  /** Files that are not of the kept answer. */
  readonly foreign: ReadonlySet<ClientFile>;
  readonly isInPlace: boolean;
  readonly work: WorkFacts;
  readonly ownUid: number;
}

type ClientFile = 'certificate' | 'configuration' | 'key';

/** The steps, printable; what was given of a login is looked at. */
export async function planClient(
  options: ClientRegistration,
  outside: Pick<RegisterOutside, 'files' | 'lookAtLogin' | 'ownUid'>,
): Promise<readonly Step[]> {
  const steps = plan(options, await observe(options, outside.files, outside.ownUid));
  lookAtLogins(steps, outside);
  return steps;
}

/**
 * Gets a certificate for a person, or goes on with what an earlier run was given.
 * @throws SlaposError as the plan and its steps; ConfigError SLAPOS_ERR_CONFIG_FILE for files that
 *   exist; BusyError
 */
export async function configureClient(
  options: ClientRegistration,
  outside: RegisterOutside,
): Promise<void> {
  const { files, log, ownUid } = outside;
  await planClient(options, outside);
  const folder = dirname(options.path);
  if ((await files.statTarget(folder)) === undefined) {
    log.debug(`Creating directory ${folder}`);
    await files.mkdir(folder, { mode: 0o700 });
  }
  const work = workOf(options);
  await withLock(work, outside, async () => {
    const facts = await observe(options, files, ownUid);
    const { kept, note } = facts.work;
    if (kept !== undefined) log.info(`Going on with the answer kept in ${work}.`);
    const purpose = { nodeName: '', site: options.site };
    const steps = plan(options, facts);
    const run = { purpose, work, steps, kept, occupied: [], isNoted: note !== undefined };
    await applyRegister(run, {
      ...outside,
      inspect: (credentials) => checkCredentials(credentials, outside.nowMs()),
      render: (content, credentials) => {
        if (content === 'key' || content === 'certificate') return credentials[content];
        return content === 'authority' ? (outside.authority ?? '') : render(options, outside);
      },
    });
  });
}

/** Other steps of a registration stand beside the configuration of the person. */
function workOf({ path }: ClientRegistration): string {
  return join(dirname(path), `.${basename(path)}.registration`);
}

function pathsOf({ path }: ClientRegistration): Readonly<Record<ClientFile | 'authority', string>> {
  const folder = dirname(path);
  return {
    configuration: path,
    certificate: join(folder, 'client.crt'),
    key: join(folder, 'client.key'),
    authority: join(folder, 'master_ca.crt'),
  };
}

async function observe(
  options: ClientRegistration,
  files: HostFiles,
  ownUid: number,
): Promise<ClientFacts> {
  const folder = dirname(options.path);
  const work = await observeWork(workOf(options), files, ownUid);
  const given = work.kept === undefined ? undefined : findCredentials(work.kept);
  const paths = pathsOf(options);
  const [configuration, certificate, key] = await Promise.all(
    [paths.configuration, paths.certificate, paths.key].map((path) => files.readText(path)),
  );
  const isInPlace = given !== undefined && certificate === given.certificate && key === given.key;
  const foreign = new Set<ClientFile>();
  if (configuration !== undefined && !isInPlace) foreign.add('configuration');
  if (certificate !== undefined && certificate !== given?.certificate) foreign.add('certificate');
  if (key !== undefined && key !== given?.key) foreign.add('key');
  return {
    folder: await lookAtPlace(folder),
    parent: await lookAtPlace(dirname(folder)),
    foreign,
    isInPlace: isInPlace && configuration !== undefined,
    work,
    ownUid,
  };
}

const NEW_THING: Readonly<Record<ClientFile, string>> = {
  configuration: 'a new configuration',
  certificate: 'a new certificate',
  key: 'a new key',
};

/** Nothing of a person is replaced. The key comes first and the configuration last. */
function plan(options: ClientRegistration, facts: ClientFacts): readonly Step[] {
  const paths = pathsOf(options);
  for (const name of ['configuration', 'certificate', 'key'] as const) {
    if (facts.foreign.has(name)) throw inTheWay(paths[name], NEW_THING[name]);
  }
  const folder = dirname(options.path);
  if (facts.folder === undefined) checkPlace(dirname(folder), facts.parent);
  else checkPlace(folder, facts.folder);
  const work = workOf(options);
  checkWork(work, facts.work, { nodeName: '', site: options.site }, facts.ownUid);
  const last = [{ kind: 'inspect' }, { kind: 'remove', path: work }] as const;
  if (facts.isInPlace) return last;
  const file = (content: ClientFile | 'authority', mode: number) =>
    ({ kind: 'file', path: paths[content], mode, content, shown: paths[content] }) as const;
  return [
    ...(facts.folder === undefined
      ? [{ kind: 'folder', path: folder, mode: 0o700, shown: folder } as const]
      : []),
    ...planAsking(options, facts, work),
    last[0],
    file('key', 0o600),
    file('certificate', 0o600),
    ...(options.caFile === undefined ? [] : [file('authority', 0o600)]),
    file('configuration', 0o600),
    last[1],
  ];
}

function planAsking(options: ClientRegistration, facts: ClientFacts, work: string): Step[] {
  const { site, masterUrl } = options;
  const master: Step = { kind: 'contact', url: masterUrl, role: 'master' };
  if (facts.work.kept !== undefined) return [master];
  return [
    { kind: 'contact', url: site, role: 'site' },
    master,
    { kind: 'login', site, login: 'token' },
    ...planRequest(work, personRequest(site), 'token'),
  ];
}

function inTheWay(path: string, thing: string): ConfigError {
  return new ConfigError(
    'SLAPOS_ERR_CONFIG_FILE',
    `There is a file in ${path}. Please remove it before creating ${thing}.`,
    { context: { path } },
  );
}

function render(options: ClientRegistration, outside: RegisterOutside): string {
  const paths = pathsOf(options);
  return renderClientConfig({
    masterUrl: options.masterUrl,
    certFile: paths.certificate,
    keyFile: paths.key,
    ...(options.caFile === undefined ? {} : { masterCaFile: paths.authority }),
    isMasterTrustedBlindly: outside.isMasterUnknown(),
  });
}
