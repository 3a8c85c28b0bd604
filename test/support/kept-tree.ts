/** A folder, or a node with its services, as it was: brought back as often as a test wants. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { InstanceNode } from './instance-node.ts';

export interface KeptTree {
  restore(): void;
  remove(): void;
}

/** What a running supervisor has open, which stays as it is. */
const LIVE = ['-regex', '.*\\(\\.sock\\|\\.socket\\|\\.lock\\|/supervisord\\.[a-z]+\\)'];

function clear(folder: string): void {
  execFileSync('find', [folder, '-mindepth', '1', '!', '-type', 'd', '!', ...LIVE, '-delete']);
  execFileSync('find', [folder, '-mindepth', '1', '-depth', '-type', 'd', '-empty', '-delete']);
}

/** Copies everything below a folder with owners, modes and times. */
export function keepTree(folder: string): KeptTree {
  const kept = mkdtempSync(join(dirname(folder), 'kept-'));
  const copy = (from: string, to: string) => execFileSync('cp', ['-a', `${from}/.`, to]);
  copy(folder, kept);
  execFileSync('find', [kept, '!', '-type', 'd', ...LIVE, '!', '-name', '*.conf', '-delete']);
  return {
    restore() {
      clear(folder);
      copy(kept, folder);
    },
    remove: () => rmSync(kept, { recursive: true }),
  };
}

/** Keeps the files of a node and which of its services run. */
export async function keepNode(node: InstanceNode) {
  const tree = keepTree(node.site.root);
  const kept = [...(await node.running()).keys()].sort();
  const call = <Value = unknown>(method: string, ...words: readonly string[]) =>
    node.client.call<Value>(`supervisor.${method}`, ...words);
  return {
    remove: tree.remove,
    async restore(): Promise<void> {
      tree.restore();
      const [[added = [], changed = [], removed = []] = []] =
        await call<string[][][]>('reloadConfig');
      for (const group of [...removed, ...changed]) {
        await call('stopProcessGroup', group);
        await call('removeProcessGroup', group);
      }
      for (const group of [...changed, ...added]) await call('addProcessGroup', group);
      const running = await node.running();
      // A service that starts by itself is refused a second start.
      for (const name of kept.filter((one) => !running.has(one)))
        await call('startProcess', name).catch(() => undefined);
      const now = [...(await node.running()).keys()].sort();
      if (now.join() !== kept.join()) throw new Error(`runs ${now.join()}, not ${kept.join()}`);
    },
  };
}
