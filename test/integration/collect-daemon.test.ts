/** `slapos node collect --daemon` as a user runs it, on processes of known cost. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { readPartitions, readSeries } from '../../src/collect/daemon/daemon-client.ts';
import { CollectDaemon } from '../support/collect-daemon.ts';
import type { Facility } from '../support/facilities.ts';
import { work } from '../support/known-work.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/supervisor-run.ts';

const USERS = 6;
const KINDS: ReadonlyArray<readonly ['bpf' | 'procfs', readonly Facility[]]> = [
  ['bpf', ['root', 'netns', 'bpf']],
  ['procfs', ['root', 'netns']],
];

for (const [kind, facilities] of KINDS) {
  requires(...facilities)(`the daemon, reading through ${kind}`, () => {
    let daemon: CollectDaemon;
    beforeAll(async () => {
      daemon = new CollectDaemon(USERS);
      await daemon.start('--interval', '250ms', '--reader', kind);
    });
    afterAll(() => daemon.remove());

    it('counts what partitions use within two in a hundred, however short the processes', async () => {
      const seconds = Number(process.env['SLAPOS_TRUTH_SECONDS'] ?? 4);
      const names = ['burner', 'threads', 'forker', 'grandchildren'] as const;
      const before = await daemon.read('slapos_partition_cpu_seconds_total');
      const done = await Promise.all(
        names.map((name, index) => work(daemon.uid(index), name, seconds)),
      );
      await daemon.samples(3);
      const after = await daemon.read('slapos_partition_cpu_seconds_total');
      for (const [index, { child, cpuS }] of done.entries()) {
        const partition = `slappart${index}`;
        const counted = (after.get(partition) ?? 0) - (before.get(partition) ?? 0);
        // What a process does after it told, the last moments of its children, and four times that
        // procfs cuts to hundredths.
        const unseenS = kind === 'bpf' ? 0.03 : 0.06;
        expect(counted, names[index]).toBeGreaterThan(cpuS * 0.98 - unseenS);
        expect(counted, names[index]).toBeLessThan(cpuS * 1.02 + unseenS);
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      expect(after.get('slappart5')).toBe(0);
    }, 180_000);

    it('counters stay when processes go', async () => {
      const [before] = await Promise.all([daemon.read('slapos_partition_cpu_seconds_total')]);
      await daemon.samples(2);
      const after = await daemon.read('slapos_partition_cpu_seconds_total');
      for (const [partition, value] of before) {
        expect(after.get(partition)).toBeGreaterThanOrEqual(value);
      }
      expect((await daemon.read('slapos_partition_processes')).get('slappart0')).toBe(0);
    });

    it('counts bytes written and calls', async () => {
      const file = join(daemon.root, `written-${kind}`);
      writeFileSync(file, '', { mode: 0o666 });
      const [before, calls] = [
        await daemon.read('slapos_partition_written_bytes_total'),
        await daemon.read('slapos_partition_write_calls_total'),
      ];
      const writer = daemon.run(
        4,
        '/bin/dd',
        'if=/dev/zero',
        'of=/dev/null',
        'bs=1k',
        'count=5000',
      );
      await once(writer, 'exit');
      await daemon.samples(2);
      const after = await daemon.read('slapos_partition_write_calls_total');
      const grown = (after.get('slappart4') ?? 0) - (calls.get('slappart4') ?? 0);
      if (kind === 'bpf') expect(grown).toBeGreaterThanOrEqual(5000);
      expect(grown).toBeLessThan(6000);
      expect(before.get('slappart4')).toBe(0);
    });

    it('tells how many promises of a partition fail', async () => {
      expect([...(await daemon.read('slapos_partition_failing_promises'))]).toEqual([
        ['slappart1', 2],
        ['slappart2', 0],
      ]);
    });

    it('gives the series of a partition, and samples as they come', async () => {
      const { timesMs, values } = (await (
        await daemon.get('/series?partition=slappart0')
      ).json()) as {
        timesMs: number[];
        values: { cpu: number[] };
      };
      expect(timesMs.length).toBeGreaterThan(4);
      expect(timesMs).toEqual([...timesMs].sort((a, b) => a - b));
      expect(Math.max(...values.cpu)).toBeGreaterThan(0);
      const events = await daemon.get('/events');
      const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (text.split('event: sample').length < 3) text += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      expect(text).toContain('"partition":"slappart5"');
    });

    it.each([
      ['/nothing', 404],
      ['/series?partition=none', 404],
      ['/series?partition=slappart0&since=x', 400],
      ['//', 404],
    ])('answers %s with %i', async (path, status) => {
      expect((await daemon.get(path)).status).toBe(status);
    });

    it('leaves the node alone while it runs, and ends with 0 for a signal', async () => {
      const cfg = join(daemon.root, 'slapos.cfg');
      const slapos = join(process.env['SLAPOS_PACKAGE'] ?? '', 'bin', 'slapos');
      const other = spawnSync(slapos, ['node', 'collect', '--cfg', cfg], { encoding: 'utf8' });
      expect(other.status).toBe(0);
      expect(other.stderr).toContain('Another slapos node collect is running');
      expect(await daemon.stop()).toBe(0);
    });
  });
}

requires('root', 'netns')('the socket of the daemon', () => {
  let daemon: CollectDaemon;
  beforeAll(async () => {
    daemon = new CollectDaemon(2);
    await daemon.startUnheard();
  });
  afterAll(() => daemon.remove());

  it('is for root only, and tells what the daemon knows', async () => {
    expect(lstatSync(daemon.socket).mode & 0o777).toBe(0o600);
    const sample = await readPartitions(daemon.socket);
    expect(sample?.partitions.map(({ partition }) => partition)).toEqual([
      'slappart0',
      'slappart1',
    ]);
    const series = await readSeries(daemon.socket, 'slappart1', 0);
    expect(series?.timesMs).toContain(sample?.atMs);
    expect(series?.values.rssBytes).toHaveLength(series?.timesMs.length ?? 0);
  });

  it('is put in the place of one that a killed daemon left', async () => {
    await daemon.kill();
    expect(lstatSync(daemon.socket).isSocket()).toBe(true);
    expect(await readPartitions(daemon.socket)).toBeUndefined();
    await daemon.startUnheard();
  });

  it('is gone when the daemon ends', async () => {
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(daemon.socket)).toBe(false);
  });
});

requires(
  'root',
  'netns',
  'prometheus',
)('a real Prometheus', () => {
  let daemon: CollectDaemon;
  afterEach(() => daemon.remove());

  it('scrapes the daemon, and promtool finds nothing wrong', async () => {
    daemon = new CollectDaemon(2);
    await daemon.start('--interval', '250ms');
    const text = await (await daemon.get('/metrics')).text();
    const lint = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect({ status: lint.status, said: lint.stdout + lint.stderr }).toEqual({
      status: 0,
      said: '',
    });
    const configuration = join(daemon.root, 'prometheus.yml');
    const target = daemon.address.replace('http://', '');
    writeFileSync(
      configuration,
      `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: node, static_configs: [{targets: ['${target}']}]}]\n`,
    );
    const prometheus = spawn('prometheus', [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(daemon.root, 'tsdb')}`,
      '--web.listen-address=127.0.0.1:9199',
    ]);
    try {
      const url =
        'http://127.0.0.1:9199/api/v1/query?query=count(slapos_partition_cpu_seconds_total)';
      const found = await until(
        async () => {
          const answer = await fetch(url).then(
            (reply) => (reply.ok ? reply.json() : undefined),
            () => undefined,
          );
          return (answer as { data?: { result?: Array<{ value: [number, string] }> } })?.data
            ?.result?.[0]?.value[1];
        },
        'the first scrape',
        30_000,
      );
      expect(found).toBe('2');
    } finally {
      prometheus.kill('SIGKILL');
    }
  });
});
