import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Shows a text through a pager on the terminal that this process has, and waits for its end.
 * @param pager a shell command of the user
 * @returns whether it could be started.
 */
export async function spawnPager(pager: string, text: string): Promise<boolean> {
  const child: ChildProcess = spawn('/bin/sh', ['-c', pager], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  // A pager that is left early no longer reads; without a pipe none is started.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(text);
  const status = await new Promise((done) => {
    child.once('error', () => done(127));
    child.once('exit', done);
  });
  return status !== 127;
}
