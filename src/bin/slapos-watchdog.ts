/** `slapos-watchdog`: the event listener of the supervisor (spec/grid.md 10). */
import { join } from 'node:path';
import { createBeneathFiles } from '../host/file.ts';
import { createSlapClient } from '../slap/slap-client.ts';
import { BangQueue, type WatchdogSettings } from '../supervisor/event/bang-queue.ts';
import { runWatchdog } from '../supervisor/event/watchdog.ts';
import { MASTER_CA_FILE, MASTER_TLS_VERIFY } from '../supervisor/layout.ts';

const OPTIONS = [
  '--master-url',
  '--computer-id',
  '--certificate-repository-path',
  '--instance-root-path',
] as const;

type OptionName = (typeof OPTIONS)[number];

function fail(message: string): never {
  process.stderr.write(`slapos-watchdog: ${message}\n`);
  process.exit(2);
}

/** The option that a word or an unambiguous beginning of it means. */
function findOption(word: string): OptionName {
  const found = OPTIONS.filter((name) => name.startsWith(word));
  const [only] = found;
  if (word.length < 3 || found.length !== 1 || only === undefined) fail(`unknown option ${word}`);
  return only;
}

function parseArguments(argv: readonly string[]): WatchdogSettings {
  const values = new Map<OptionName, string>();
  for (let at = 0; at < argv.length; at += 1) {
    const [flag = '', ...rest] = (argv[at] as string).split('=');
    const name = findOption(flag);
    const value = rest.length > 0 ? rest.join('=') : argv[++at];
    if (value === undefined) fail(`${name} needs a value`);
    values.set(name, value);
  }
  const masterUrl = values.get('--master-url');
  const computerId = values.get('--computer-id');
  if (masterUrl === undefined) fail('--master-url is missing');
  if (computerId === undefined) fail('--computer-id is missing');
  return {
    masterUrl,
    computerId,
    certificateRepositoryPath: values.get('--certificate-repository-path'),
    instanceRoot: values.get('--instance-root-path'),
    // Not options, so that upstream's watchdog can be run with the same command line.
    masterCaFile: process.env[MASTER_CA_FILE],
    isMasterVerified: process.env[MASTER_TLS_VERIFY] !== 'false',
  };
}

async function bang(settings: WatchdogSettings, partitionId: string, message: string) {
  const { masterUrl, computerId, masterCaFile, isMasterVerified } = settings;
  const folder = settings.certificateRepositoryPath;
  const files =
    folder === undefined
      ? {}
      : {
          keyFile: join(folder, `${partitionId}.key`),
          certFile: join(folder, `${partitionId}.crt`),
        };
  const master = createSlapClient({
    masterUrl,
    ...files,
    caFile: masterCaFile,
    isTlsVerified: isMasterVerified,
  });
  try {
    await master.bangInstance({ computerId, partitionId }, message);
  } finally {
    await master.close();
  }
}

const settings = parseArguments(process.argv.slice(2));
const ports = {
  files: createBeneathFiles(),
  bang: (partitionId: string, message: string) => bang(settings, partitionId, message),
  log: (text: string) => void process.stderr.write(`${new Date().toISOString()} ${text}\n`),
};
runWatchdog(new BangQueue(settings, ports), {
  input: process.stdin,
  write: (text) => void process.stdout.write(text),
}).then(
  // A Master that does not answer would keep us for its whole time limit.
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
