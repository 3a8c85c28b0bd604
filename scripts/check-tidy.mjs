// clang-tidy over native/core and native/keeper (checks: .clang-tidy). It takes seconds a file, so what
// was found clean is remembered by content in build/tidy, and a run stops beginning files after a
// time: the next one goes on. TIDY=full waits for all (4 minutes on 2 cores).
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const BUDGET_MS = 60_000;
const FLAGS = ['-std=c++20', '-D_GNU_SOURCE', '-DSLAPOS_VERSION="0"', '-Inative'];

function examine(file, root) {
  return new Promise((resolve) => {
    const child = spawn('clang-tidy', ['--quiet', file, '--', ...FLAGS], { cwd: root });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.resume();
    child.on('close', (status) => resolve({ isClean: status === 0, text: text.trim() }));
  });
}

/** A name that changes with the file, with every header and with the checks. */
function stamps(files, read) {
  const shared = createHash('sha256').update(read('.clang-tidy'));
  for (const file of files.filter((each) => each.endsWith('.h'))) shared.update(read(file));
  const common = shared.digest('hex');
  return (file) =>
    createHash('sha256').update(common).update(file).update(read(file)).digest('hex');
}

/**
 * @param files of the project
 * @returns problems, and how many files were left for the next run
 */
export async function tidyProblems(files, read, root) {
  const native = files.filter((file) => /^native\/(core|keeper)\/.*\.(cc|h)$/.test(file));
  const stampOf = stamps(native, read);
  const folder = join(root, 'build', 'tidy');
  mkdirSync(folder, { recursive: true });
  const waiting = native.filter(
    (file) =>
      file.endsWith('.cc') && !file.includes('/bpf/') && !existsSync(join(folder, stampOf(file))),
  );
  const endMs = process.env.TIDY === 'full' ? Infinity : performance.now() + BUDGET_MS;
  const problems = [];
  const work = async () => {
    while (waiting.length > 0 && performance.now() < endMs) {
      const file = waiting.shift();
      const { isClean, text } = await examine(file, root);
      if (isClean) writeFileSync(join(folder, stampOf(file)), '');
      else problems.push(text === '' ? `${file}: clang-tidy failed` : text);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return { problems, left: waiting.length };
}
