/** The targets in C++, which `scripts/test-native.mjs` builds and runs under sanitizers. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export function listNativeTargets(root: string): string[] {
  return readdirSync(join(root, 'test', 'fuzz'))
    .filter((file) => file.endsWith('.cc') && file !== 'random_driver.cc')
    .map((file) => file.slice(0, -'.cc'.length))
    .sort();
}

/** @param keeps whether the corpus is to become the smallest one that reaches as much */
export function runNativeTarget(root: string, name: string, seconds: number, keeps: boolean) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'test-native.mjs'), `test/fuzz/${name}.cc`],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        SLAPOS_FUZZ_SECONDS: String(seconds),
        ...(keeps ? { SLAPOS_FUZZ_KEEP: '1' } : {}),
      },
    },
  );
  return { isPassed: status === 0, text: stdout.trim() };
}
