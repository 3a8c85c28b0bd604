/** The controller of the supervisor; the keeper starts it (docs/keeper-protocol.md). */
import { parseArgs } from 'node:util';
import { PACKAGE_VERSION } from '../cli/version.ts';
import { errorMessage } from '../errors/slapos-error.ts';
import { enterWorkingFolder } from '../host/folder/working-folder.ts';
import { runDaemon } from '../supervisor/daemon.ts';

const USAGE_STATUS = 2;

function fail(message: string): never {
  process.stderr.write(`Error: ${message}\nFor help, use slapos-supervisord -h\n`);
  process.exit(USAGE_STATUS);
}

function environment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** `key=value` words of the command line. */
function overrides(words: readonly string[] = []): ReadonlyMap<string, string> {
  return new Map(
    words.map((word) => {
      const equals = word.indexOf('=');
      return [word.slice(0, equals), word.slice(equals + 1)];
    }),
  );
}

function main(): void {
  const { values } = parseArgs({
    options: {
      configuration: { type: 'string', short: 'c' },
      'keeper-fd': { type: 'string' },
      'listen-fd': { type: 'string' },
      nodaemon: { type: 'boolean' },
      set: { type: 'string', multiple: true },
    },
  });
  const { configuration: configurationPath, 'keeper-fd': keeperFd, 'listen-fd': listenFd } = values;
  if (configurationPath === undefined || keeperFd === undefined) {
    fail('the keeper starts this program: run slapos node supervisord');
  }
  const env = environment();
  // One thread for each folder that is looked at: those on a dead file system never come back.
  process.env['UV_THREADPOOL_SIZE'] ??= '16';
  runDaemon({
    configurationPath,
    overrides: overrides(values.set),
    keeperFd: Number(keeperFd),
    listenFd: listenFd === undefined ? undefined : Number(listenFd),
    echo: values.nodaemon === true ? (line) => process.stdout.write(line) : undefined,
    env,
    cwd: enterWorkingFolder((line) => process.stderr.write(`${line}\n`)),
    ownUid: process.geteuid?.() ?? 0,
    version: PACKAGE_VERSION,
    exit: (status) => process.exit(status),
  }).catch((error: unknown) => fail(errorMessage(error)));
}

main();
