/** Proxies in processes of their own, from the sources as they are now. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from './bundle-slapos.ts';

export interface ProxyProcess {
  readonly url: string;
  /** The most memory that it has had, and what it has now. */
  memory(): { readonly peakBytes: number; readonly rssBytes: number };
}

export async function bundleProxy() {
  const { folder, program } = await bundleProgram('test/fixtures/proxy-program.ts');
  const children: ChildProcess[] = [];
  const modules = join(import.meta.dirname, '../../node_modules');
  return {
    folder,
    async start(database: string): Promise<ProxyProcess> {
      const child = spawn(process.execPath, [program, database], {
        env: { ...process.env, NODE_PATH: modules },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      return { url: line.toString().trim(), memory: () => readMemory(child.pid ?? 0) };
    },
    close() {
      for (const child of children) child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}

function readMemory(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const bytes = (name: string) => {
    return 1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]);
  };
  return { peakBytes: bytes('VmHWM'), rssBytes: bytes('VmRSS') };
}
