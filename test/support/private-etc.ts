/** Changes of /etc, which only a private one may get: the machine's own users are nobody's test data. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

type AccountFile = 'passwd' | 'group';

/** @throws Error outside of `scripts/in-namespace.sh`. */
function requirePrivate(): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const isPrivate = mounts.some((line) => line.split(' ')[4] === '/etc');
  if (process.env['SLAPOS_TEST_NAMESPACE'] === '1' && isPrivate) return;
  throw new Error('users are made under scripts/in-namespace.sh only');
}

export function appendToEtc(file: AccountFile, lines: string): void {
  requirePrivate();
  appendFileSync(`/etc/${file}`, lines);
}

export function writeToEtc(file: AccountFile, text: string): void {
  requirePrivate();
  writeFileSync(`/etc/${file}`, text);
}
