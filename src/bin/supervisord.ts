/** `supervisord` as a command of its own. */
import { enterWorkingFolder } from '../host/folder/working-folder.ts';
import { runSupervisord } from '../supervisor/supervisord-command.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
  process.once(signal, () => stop.abort());
}

const set = Object.entries(process.env).filter((entry): entry is [string, string] => {
  return entry[1] !== undefined;
});

runSupervisord(process.argv.slice(2), {
  env: Object.fromEntries(set),
  cwd: enterWorkingFolder((line) => process.stderr.write(`supervisord: ${line}\n`)),
  program: process.argv[1] ?? 'supervisord',
  ownUid: process.geteuid?.() ?? 0,
  signal: stop.signal,
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
}).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  },
);
