/** `supervisorctl` as a command of its own. */
import { enterWorkingFolder } from '../host/folder/working-folder.ts';
import { runSupervisorctl } from '../supervisor/ctl/main.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

runSupervisorctl(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  signal: interrupt.signal,
  env: process.env,
  cwd: enterWorkingFolder((line) => process.stderr.write(`supervisorctl: ${line}\n`)),
  input: process.stdin,
  output: process.stdout,
  isTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
}).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  },
);
