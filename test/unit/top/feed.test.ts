import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SERIES_FIELDS, type SeriesView } from '../../../src/collect/daemon/series.ts';
import { observeProcesses } from '../../../src/host/proc.ts';
import { USAGE, USAGE_LENGTH } from '../../../src/host/process/process-reader.ts';
import {
  createStatusHost,
  openStatusSources,
  type StatusHost,
  type StatusSources,
} from '../../../src/status/sources.ts';
import { TopFeed } from '../../../src/top/feed.ts';

const OWN_UID = process.getuid?.() ?? 0;

describe('TopFeed', () => {
  let root: string;
  let sources: StatusSources;
  let cpuS = 0;
  let clockMs = 0;
  let openedReaders = 0;
  let openedLists = 0;
  let readerFailure: Error | undefined;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'slapos-top-'));
    for (const name of ['slappart0', 'slappart1']) mkdirSync(join(root, name));
    [cpuS, clockMs, openedReaders, openedLists] = [0, 0, 0, 0];
    readerFailure = undefined;
  });
  afterEach(() => {
    sources.close();
    rmSync(root, { recursive: true });
  });

  function open(host: Partial<StatusHost>): TopFeed {
    const settings = {
      instanceRoot: root,
      computerId: 'COMP-1',
      masterUrl: '',
      partitionBase: 'slappart',
      partitionAmount: undefined,
    };
    sources = openStatusSources(settings, { ...createStatusHost(), ...host });
    return new TopFeed({
      sources,
      isRoot: true,
      files: { readText: async () => '' },
      monotonicMs: () => clockMs,
      tapOf: () => undefined,
      openListReader: async () => {
        openedLists += 1;
        return {
          kind: 'bpf',
          reason: '',
          observe: async (uids = []) => observeProcesses({ uids }),
        };
      },
      openReader: async () => {
        openedReaders += 1;
        if (readerFailure !== undefined) throw readerFailure;
        return {
          kind: 'bpf',
          reason: '',
          observe: () => Promise.reject(new Error('not asked for')),
          observeUsage: async () => {
            const usage = new Float64Array(USAGE_LENGTH);
            usage[USAGE.uid] = OWN_UID;
            usage[USAGE.cpuS] = cpuS;
            usage[USAGE.rssBytes] = 77;
            return usage;
          },
        };
      },
    });
  }

  const nobody = { readSamples: async () => undefined };

  it('takes samples of its own without a daemon, and compares two', async () => {
    const feed = open(nobody);
    const first = await feed.readNode();
    expect(first.isSettled).toBe(false);
    expect(first.status.partitions.map(({ consumption }) => consumption)).toEqual([null, null]);
    [cpuS, clockMs] = [3, 2000];
    const second = await feed.readNode();
    expect(second.isSettled).toBe(true);
    expect(second.status.consumption.source).toBe('samples');
    const known = second.status.partitions.flatMap(({ consumption }) => consumption ?? []);
    expect(known.some(({ cpu, rssBytes }) => cpu === 1.5 && rssBytes === 77)).toBe(true);
    expect(second.figures).toContain('own samples (bpf');
  });

  it('begins anew with a reader of its own when partitions come', async () => {
    const feed = open(nobody);
    await feed.readNode();
    clockMs = 1000;
    await feed.readNode();
    mkdirSync(join(root, 'slappart2'));
    clockMs = 2000;
    expect((await feed.readNode()).isSettled).toBe(false);
    clockMs = 3000;
    const view = await feed.readNode();
    expect(view.isSettled).toBe(true);
    expect(view.status.partitions.length).toBe(3);
    expect(openedReaders).toBe(2);
  });

  it('lists processes with another reader than the one that sums them up', async () => {
    const feed = open(nobody);
    const { status } = await feed.readNode();
    expect(openedLists).toBe(0);
    for (const partition of ['slappart0', 'slappart1', 'slappart0']) {
      const { processes } = await feed.readFocus(status, { partition, log: null });
      expect(processes?.problem).toBe('');
      expect(processes?.rows.map(({ pid }) => pid)).toContain(process.pid);
    }
    expect(openedLists).toBe(1);
  });

  it('tells when its own samples fail, and what else is known', async () => {
    const feed = open(nobody);
    readerFailure = new Error('refused');
    const view = await feed.readNode();
    expect(view.status.partitions.length).toBe(2);
    expect(view.figures).toBe('none, own samples fail: refused');
  });

  it('asks the daemon once for the past of what was shown', async () => {
    const asked: string[] = [];
    const values = Object.fromEntries(SERIES_FIELDS.map((field) => [field, [1, 2]]));
    const feed = open({
      readSamples: async () => ({ atMs: Date.now(), partitions: [] }),
      readSamplesOf: async (_, partition) => {
        asked.push(partition);
        return { partition, timesMs: [1, 2], values: values as unknown as SeriesView['values'] };
      },
    });
    await feed.readNode();
    expect(feed.historyOf('slappart1').cpu).toEqual([]);
    await feed.readNode();
    await feed.readNode();
    expect(asked).toEqual(['slappart1']);
    expect(feed.historyOf('slappart1').cpu).toEqual([1, 2]);
    expect(openedReaders).toBe(0);
  });
});
