/** Handler of `slapos node certificate renew`. */
import { dirname } from 'node:path';
import { chooseConfigPath } from '../../config/path.ts';
import { readConfig } from '../../config/read.ts';
import { requireValue } from '../../config/values.ts';
import { ConfigError } from '../../errors/slapos-error.ts';
import { homeOf } from '../../host/folder/home-of.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import { lookAtPlace } from '../../host/folder/place.ts';
import { replaceTogether } from '../../host/folder/replace-together.ts';
import { tryLock } from '../../host/lock.ts';
import { checkPlace, checkWork } from '../../register/plan-work.ts';
import { withLock } from '../../register/register.ts';
import {
  applyRenewal,
  planRenewal,
  type Renewal,
  type RenewalPort,
  readRenewal,
  renderRenewalStep,
  renewalFolderOf,
  renewalWork,
} from '../../register/renew.ts';
import { parseClientOptions, parseMasterOptions } from '../../slap/client-options.ts';
import { parseMasterUrl } from '../../slap/master-url.ts';
import { createSlapClient, type SlapUserMaster } from '../../slap/slap-client.ts';
import type { CommandContext } from '../command.ts';

const NOBODY = { nodeName: '', site: '' };

export async function run(context: CommandContext): Promise<number> {
  const { config, options, output, log } = context;
  const renewal = {
    computerId: requireValue(config, 'slapos', 'computer_id'),
    keyFile: requireValue(config, 'slapos', 'key_file'),
    certFile: requireValue(config, 'slapos', 'cert_file'),
  };
  const files = createHostFiles();
  const work = renewalFolderOf(renewal);
  await checkHere(renewal, work, files);
  if (options['dry_run'] === true) {
    const kept = await readRenewal(renewal, files);
    for (const step of planRenewal(renewal, kept !== undefined))
      output.line(renderRenewalStep(step));
    log.info('Nothing was sent and nothing was changed.');
    return 0;
  }
  const person = openPerson(context);
  try {
    const lock = { files, tryLock: (path: string) => tryLock(path) };
    await withLock(work, lock, async () => {
      const kept = await readRenewal(renewal, files);
      if (kept !== undefined) log.info(`Going on with the certificate kept in ${work}.`);
      await applyRenewal(renewal, kept, createPort(context, renewal, person));
    });
  } finally {
    await person.close();
  }
  log.info(`Node ${renewal.computerId} has a new certificate: ${renewal.certFile}`);
  return 0;
}

type Files = ReturnType<typeof createHostFiles>;

async function checkHere(
  { keyFile, certFile }: Renewal,
  work: string,
  files: Files,
): Promise<void> {
  for (const folder of new Set([dirname(keyFile), dirname(certFile)])) {
    checkPlace(folder, await lookAtPlace(folder));
  }
  checkWork(work, renewalWork(await files.stat(work)), NOBODY, process.geteuid?.() ?? 0);
}

/**
 * The Master, as the person of the client configuration.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE when that is for another Master
 */
function openPerson({ config, options, env }: CommandContext): SlapUserMaster {
  const option = options['client_cfg'];
  const path = chooseConfigPath({
    family: 'client',
    option: option === undefined ? undefined : String(option),
    env,
    homeOf,
  });
  const person = parseClientOptions(readConfig(path), env);
  const own = parseMasterUrl(requireValue(config, 'slapos', 'master_url')).href;
  if (parseMasterUrl(person.masterUrl).href === own) return createSlapClient(person);
  throw new ConfigError(
    'SLAPOS_ERR_CONFIG_VALUE',
    `The Master of ${path} is ${person.masterUrl}, and that of the node ${own}.`,
    {
      hint: 'Another Master may have another computer of this id; name a client configuration of the same one with --client-cfg.',
    },
  );
}

function createPort(
  context: CommandContext,
  { computerId }: Renewal,
  person: SlapUserMaster,
): RenewalPort {
  const { config, env, log, signal } = context;
  return {
    files: createHostFiles(),
    log,
    signal,
    nowMs: () => Date.now(),
    generate: () => person.generateComputerCertificate(computerId),
    replaceTogether,
    revoke: () => person.revokeComputerCertificate(computerId),
    async tryPair(keyFile, certFile) {
      const node = createSlapClient({ ...parseMasterOptions(config, env), keyFile, certFile });
      await node.getFullComputerInformation(computerId).finally(() => node.close());
    },
  };
}
