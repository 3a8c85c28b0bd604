import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readNodeStatus } from '../../../src/status/read-status.ts';
import { openStatusSources, type StatusSources } from '../../../src/status/sources.ts';

let root = '';
let sources: StatusSources;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-status-'));
  sources = openStatusSources({
    instanceRoot: root,
    computerId: 'COMP-1',
    masterUrl: 'http://127.0.0.1:5000',
    partitionBase: 'slappart',
    partitionAmount: 2,
  });
});

afterEach(() => {
  sources.close();
  rmSync(root, { recursive: true });
});

describe('readNodeStatus', () => {
  it('tells of what is missing why, and of the rest what there is', async () => {
    mkdirSync(join(root, 'slappart1', '.slapgrid', 'promise', 'result'), { recursive: true });
    mkdirSync(join(root, 'slappart10'));
    mkdirSync(join(root, 'var'));
    writeFileSync(
      join(root, 'slappart1', '.slapgrid/promise/result/check.status.json'),
      JSON.stringify({
        title: 'other',
        'execution-time': 0.25,
        result: {
          type: 'Test Result',
          failed: true,
          date: '2026-11-20T23:32:12+0000',
          message: 'bad',
        },
      }),
    );
    const status = await readNodeStatus(sources);
    expect(status.partitions.map(({ reference }) => reference)).toEqual([
      'slappart0',
      'slappart1',
      'slappart10',
    ]);
    expect(status.partitions[0]?.problems?.[0]).toContain('does not exist');
    expect(status.partitions[1]).toMatchObject({
      uid: process.getuid?.(),
      instance: null,
      services: [],
      consumption: null,
      promises: [
        {
          title: 'check',
          hasFailed: true,
          message: 'bad',
          atMs: Date.UTC(2026, 10, 20, 23, 32, 12),
          executionS: 0.25,
        },
      ],
    });
    expect(status.supervisor).toMatchObject({ isAvailable: false });
    expect(status.supervisor.reason).toContain('does not run');
    expect(status.consumption).toMatchObject({ isAvailable: false, source: 'none' });
    expect(status.document?.isAvailable).toBe(false);
  });
});
