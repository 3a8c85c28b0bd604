/** Partitions with very many promises: what is read of them at a time is bounded. */
import { describe, expect, it } from 'vitest';
import type { LookRequest, Looks } from '../../../src/host/folder/look.ts';
import type { GridHost, OwnedFolder } from '../../../src/host/grid-host.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { findQuietPromises, type PromiseNames } from '../../../src/promise/look.ts';
import { observePromises } from '../../../src/promise/observe.ts';
import { parsePromiseResult, renderPromiseResult } from '../../../src/promise/promise-result.ts';

const ROOT = '/instance';
const NOW = 1000;
const MTIME = 500;

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `p${String(index).padStart(5, '0')}`);
const partition = (partitionId: string, count: number): PromiseNames => ({
  partitionId,
  names: [names(count), []],
});

function cacheText(path: string, nextRunAfter: number): string {
  const cache = { next_run_after: nextRunAfter, timestamp: NOW, module_file: path };
  return JSON.stringify({ ...cache, module_file_mtime: MTIME });
}

/** Promises that are not due, but for those whose title `isDue` names. */
function lookingHost(isDue: (path: string) => boolean = () => false) {
  const requests: LookRequest[] = [];
  const textOf = (path: string) => {
    const [, id = '', title = ''] = /^(.+)\/\.slapgrid\/promise\/cache\/(.+)$/.exec(path) ?? [];
    if (id === '') return undefined;
    return cacheText(`${ROOT}/${id}/etc/promise/${title}`, isDue(path) ? 0 : 4e9);
  };
  const look = async (_root: string, request: LookRequest): Promise<Looks> => {
    requests.push(request);
    const texts = (request.texts ?? []).map((path) => {
      const text = textOf(path);
      return text === undefined ? undefined : { text, modifiedMs: 0 };
    });
    const target = { kind: 'file', mode: 0o755, uid: 1, gid: 1, modifiedMs: MTIME * 1000 } as const;
    return { texts, folders: [], targets: (request.targets ?? []).map(() => target) };
  };
  return { host: { look } as unknown as GridHost, requests };
}

describe('one look at the promises of all partitions', () => {
  it('is made in slices and judges all of them', async () => {
    const { host, requests } = lookingHost((path) => path === 'b/.slapgrid/promise/cache/p00449');
    const partitions = [partition('a', 450), partition('b', 450), partition('c', 450)];
    const quiet = await findQuietPromises(host, ROOT, partitions, NOW);
    expect([...quiet]).toEqual([
      ['a', 450],
      ['c', 450],
    ]);
    expect(Math.max(...requests.map(({ texts = [] }) => texts.length))).toBe(400);
    expect(requests.flatMap(({ targets = [] }) => targets).length).toBe(1350);
  });

  it('reads nothing of a partition with more promises than are run', async () => {
    const { host, requests } = lookingHost();
    const partitions = [partition('a', 1001), partition('b', 1000)];
    expect([...(await findQuietPromises(host, ROOT, partitions, NOW))]).toEqual([['b', 1000]]);
    const targets = requests.flatMap((request) => request.targets ?? []);
    expect(targets.some((path) => path.startsWith('a/'))).toBe(false);
  });

  it('ends for a partition with the first slice in which something is due', async () => {
    const { host, requests } = lookingHost((path) => path.endsWith('p00000'));
    expect((await findQuietPromises(host, ROOT, [partition('a', 1000)], NOW)).size).toBe(0);
    expect(requests.length).toBe(1);
  });
});

describe('the promises of one partition', () => {
  it('are read in slices, and little of each is kept', async () => {
    const asked: number[] = [];
    const folder = {
      path: '/p',
      list: async (path: string) => (path === 'etc/promise' ? names(900) : []),
      readTexts: async (paths: readonly string[]) => {
        asked.push(paths.length);
        return paths.map((path) => {
          if (path.includes('/cache/')) return cacheText(`/p/etc/promise/${path.slice(-6)}`, 4e9);
          const message = path.slice(-'p00000.status.json'.length).padStart(50_000, 'x');
          return JSON.stringify({ result: { type: 'Test Result', failed: true, message } });
        });
      },
    } as unknown as OwnedFolder;
    const status = { kind: 'file', mode: 0o755, modifiedMs: 0 };
    const host = { stat: async () => status } as unknown as GridHost;
    const { promises } = await observePromises(host, folder, silentLogger);
    expect(asked).toEqual([400, 400, 400, 400, 200]);
    expect(promises.map(({ name }) => name)).toEqual(names(900));
    for (const { cache, name, saved } of promises) {
      expect(cache?.moduleFile).toBe(`/p/etc/promise/${name}`);
      expect(saved?.message.endsWith(`${name}.status.json`)).toBe(true);
      expect(saved?.message.length).toBe(5003);
    }
  });

  it('have results of less than 64 KiB, however long the message', () => {
    const message = '\u{1f600}'.repeat(20_000);
    const path = `/srv/slapgrid/slappart0/etc/promise/${'n'.repeat(255)}`;
    const [name, title] = [path.slice(-255), path.slice(-255)];
    const rest = { type: 'Test Result', hasFailed: true, executionSeconds: 20 } as const;
    const text = renderPromiseResult({ ...rest, date: new Date(0), message, name, title, path });
    expect(text.length).toBeLessThan(64 * 1024);
    expect(parsePromiseResult(text)?.hasFailed).toBe(true);
  });
});
