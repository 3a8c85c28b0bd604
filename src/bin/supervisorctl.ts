/** `supervisorctl` as a command of its own. */
import { runSupervisorctl } from '../supervisor/ctl/main.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

runSupervisorctl(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  signal: interrupt.signal,
  env: process.env,
  cwd: process.cwd(),
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
