/**
 * What one reading of the model of a node costs the panel and `node top`, which do it every two
 * seconds: wall-clock time, time of the thread that JavaScript runs on, and memory that is garbage
 * afterwards, on a node whose services do not run.
 *
 *     npm run bench -- status [--json] [--partitions 500] [--services 10] [--promises 5] [--runs 30]
 *
 * Everything is in private namespaces; needs root. `changed` is a reading after the promises of a
 * fiftieth of the partitions were run.
 */
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { renderInsert, renderSchema } from '../src/collect/schema.ts';
import { KEPT_DOCUMENT, renderKeptDocument } from '../src/grid/kept-document.ts';
import { readNodeStatus } from '../src/status/read-status.ts';
import { openStatusSources, type StatusSources } from '../src/status/sources.ts';
import { Ours } from './supervisor/daemons.ts';
import { addServiceUser, SERVICE_UID, Site } from './supervisor/site.ts';
import { describeMachine, runInNamespaces } from './support/namespace-run.ts';
import { addSample, type Row, type Samples, summarise } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '500' },
    services: { type: 'string', default: '10' },
    promises: { type: 'string', default: '5' },
    runs: { type: 'string', default: '30' },
  },
});
const [partitions, services, promises, runs] = [
  Number(values.partitions),
  Number(values.services),
  Number(values.promises),
  Number(values.runs),
];
const SOURCE = { computerId: 'COMP-1', masterUrl: 'http://127.0.0.1:5000/' };
const MINUTES = 3;

const resultFolder = (root: string, index: number) =>
  join(root, `slappart${index}`, '.slapgrid', 'promise', 'result');

function writeResults(root: string, index: number, date: Date): void {
  const folder = resultFolder(root, index);
  for (let number = 0; number < promises; number += 1) {
    const title = `check-site-${number}`;
    const text = JSON.stringify({
      title,
      name: `${title}.py`,
      path: join(root, `slappart${index}`, 'etc/plugin', `${title}.py`),
      'execution-time': 0.1,
      result: {
        type: 'Test Result',
        failed: number === 0,
        date: date.toISOString().replace(/\.\d+Z/, '+0000'),
        message: 'port connection OK (2001:db8::1 8196)',
      },
    });
    writeFileSync(join(folder, 'new'), text);
    renameSync(join(folder, 'new'), join(folder, `${title}.status.json`));
  }
}

function writePartitions(root: string): void {
  const past = new Date(Date.now() - 60_000);
  for (let index = 0; index < partitions; index += 1) {
    const folder = resultFolder(root, index);
    mkdirSync(folder, { recursive: true });
    writeResults(root, index, past);
    utimesSync(folder, past, past);
  }
}

function writeDocument(root: string): void {
  const list = Array.from({ length: partitions }, (_, index) => ({
    computerId: SOURCE.computerId,
    partitionId: `slappart${index}`,
    requestedState: 'started',
    needsModification: false,
    softwareReleaseUrl: 'https://example.com/software.cfg',
    instanceGuid: `SOFTINST-${index}`,
    title: `instance ${index}`,
    parameters: { slap_software_type: 'default', _: JSON.stringify({ text: 'x'.repeat(1000) }) },
    connection: { url: `http://[2001:db8::${index}]:8196` },
    filter: {},
    accessStatus: null,
  }));
  const computer = { computerId: SOURCE.computerId, softwareReleases: [], partitions: list };
  const text = renderKeptDocument(SOURCE, '"1"', computer);
  writeFileSync(join(root, KEPT_DOCUMENT), text, { mode: 0o600 });
}

function writeDatabase(root: string): void {
  mkdirSync(join(root, 'var/data-log'));
  const database = new Sqlite(join(root, 'var/data-log/collector.db'));
  for (const { statement } of renderSchema()) database.exec(statement);
  const insert = database.prepare(renderInsert('user'));
  const folder = database.prepare(renderInsert('folder'));
  database.transaction(() => {
    for (let minute = MINUTES; minute > 0; minute -= 1) {
      const text = new Date(Date.now() - minute * 60_000).toISOString();
      const stamp = [text.slice(0, 10), text.slice(11, 19)];
      for (let pid = 0; pid < partitions * services; pid += 1) {
        const user = pid % services === 0 ? 'slapbench' : `user${pid % partitions}`;
        insert.run(user, pid, `${pid}-1`, 1.5, 100, 4, 0.1, 2 ** 24, pid * minute, 9, ...stamp);
      }
      for (let index = 0; index < partitions; index += 1)
        folder.run(`user${index}`, 2 ** 20, ...stamp);
    }
  })();
  database.close();
}

/** One reading: its time, the time of our thread, and what it leaves to be collected. */
async function measure(samples: Samples, what: string, sources: StatusSources): Promise<void> {
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const before = performance.eventLoopUtilization();
  const beganMs = performance.now();
  const status = await readNodeStatus(sources);
  const elapsedMs = performance.now() - beganMs;
  const { active } = performance.eventLoopUtilization(before);
  addSample(samples, `${what}: wall clock`, elapsedMs);
  addSample(samples, `${what}: thread`, active);
  addSample(samples, `garbage, ${what}`, (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20);
  const found = status.partitions.length;
  if (found !== partitions) throw new Error(`${found} partitions`);
  const last = status.partitions.at(-1);
  if (last?.services.length !== services || last.promises.length !== promises) {
    throw new Error(`the last partition is ${JSON.stringify(last)} ${status.supervisor.reason}`);
  }
}

async function measureAll(root: string): Promise<Row[]> {
  const settings = {
    ...SOURCE,
    instanceRoot: root,
    partitionBase: 'slappart',
    partitionAmount: partitions,
  };
  const samples: Samples = new Map();
  for (let run = 0; run < 3; run += 1) {
    const sources = openStatusSources(settings);
    await measure(samples, 'first', sources);
    sources.close();
  }
  const sources = openStatusSources(settings);
  await readNodeStatus(sources);
  for (let run = 0; run < runs; run += 1) await measure(samples, 'unchanged', sources);
  for (let run = 0; run < runs; run += 1) {
    for (let index = 0; index < partitions; index += 50) writeResults(root, index, new Date());
    await sleep(10);
    await measure(samples, 'changed', sources);
  }
  sources.close();
  return summarise(samples, partitions);
}

async function main(): Promise<void> {
  addServiceUser();
  const site = new Site({
    parent: '/srv',
    service: '/bin/sleep',
    services: partitions * services,
    perGroup: services,
    isAutostart: false,
  });
  writePartitions(site.folder);
  writeDocument(site.folder);
  writeDatabase(site.folder);
  const supervisor = new Ours();
  await supervisor.start(site);
  const rows = await measureAll(site.folder);
  await supervisor.stop();
  const machine = describeMachine({});
  const lines = rows.map(({ max, median, min, unit, what }) => {
    return `${what.padEnd(36)} ${min} / ${median} / ${max} ${unit}`;
  });
  const sizes = `${partitions} partitions, ${services} services and ${promises} promises each, uid ${SERVICE_UID}`;
  const text = `${Object.values(machine).join(', ')}\n${sizes}\n${lines.join('\n')}\n`;
  process.stdout.write(values.json ? `${JSON.stringify({ machine, rows })}\n` : text);
}

runInNamespaces('status', main, ['--expose-gc']);
