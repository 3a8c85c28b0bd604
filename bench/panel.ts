/**
 * The first view of the panel over loopback: the page, its files and the overview of a node, as a
 * browser asks for them, on a node whose services do not run.
 *
 *     npm run bench -- panel [--json] [--partitions 500] [--services 4] [--runs 30]
 *
 * Everything is in private namespaces; needs root. `cold` is the first view after the proxy was
 * started, `warm` one of the later ones; `followed` is an event after a change, at 200 followers
 * that do not read.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/host/package/package-files.ts';
import { encodeMarshal } from '../src/slap/marshal.ts';
import { createSlapClient } from '../src/slap/slap-client.ts';
import { Ours } from './supervisor/daemons.ts';
import { addServiceUser, Site } from './supervisor/site.ts';
import { describeMachine, runInNamespaces } from './support/namespace-run.ts';
import { addSample, type Samples, summarise } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '500' },
    services: { type: 'string', default: '4' },
    runs: { type: 'string', default: '30' },
  },
});
const [partitions, services, runs] = [values.partitions, values.services, values.runs].map(
  Number,
) as [number, number, number];
const FILES = ['', 'panel.js', 'panel.css', 'api/overview'];
const BASE = 'http://127.0.0.1:5000';
const STALLED = 200;
const COLD_RUNS = 5;

function writeConfiguration(root: string): string {
  const path = join(root, 'proxy.cfg');
  const lines = [
    '[slapos]',
    'computer_id = COMP-1',
    `instance_root = ${root}`,
    `master_url = ${BASE}/`,
    '[slapproxy]',
    'port = 5000',
    `database_uri = ${join(root, 'proxy.db')}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function startProxy(configuration: string): Promise<ChildProcess> {
  const program = join(packageRoot(), 'bin', 'slapos');
  const words = ['proxy', 'start', '--cfg', configuration];
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr?.resume();
  for (;;) {
    const answer = await fetch(`${BASE}/getRunId`).catch(() => undefined);
    if (answer?.status === 200) return child;
    await sleep(5);
  }
}

async function stopProxy(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
}

async function fill(): Promise<void> {
  const list = Array.from({ length: partitions }, (_, index) => ({
    reference: `slappart${index}`,
    address_list: [{ addr: `2001:db8::${index.toString(16)}`, netmask: 'ffff:ffff::' }],
    tap: { name: `tap${index}` },
  }));
  const place = { reference: 'COMP-1', address: '10.0.0.1', netmask: '255.0.0.0' };
  const xml = encodeMarshal({ ...place, partition_list: list });
  const body = new URLSearchParams({ xml });
  await fetch(`${BASE}/loadComputerConfigurationFromXML`, { method: 'POST', body });
  const master = createSlapClient({ masterUrl: `${BASE}/` });
  for (let index = 0; index < partitions; index += 1) {
    await master.requestInstance({
      softwareRelease: 'https://example.com/software.cfg',
      softwareType: 'default',
      title: `instance ${index}`,
      parameters: { _: JSON.stringify({ text: 'x'.repeat(1000) }) },
      filter: {},
      state: 'started',
      isShared: false,
    });
  }
  await master.close();
}

function read(path: string, agent: Agent): Promise<number> {
  const headers = { 'accept-encoding': 'gzip' };
  return new Promise((resolve, reject) => {
    const answered = (answer: IncomingMessage) => {
      let bytes = 0;
      answer.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      answer.on('end', () => resolve(answer.statusCode === 200 ? bytes : 0));
    };
    get(`${BASE}/panel/${path}`, { agent, headers }, answered).on('error', reject);
  });
}

/** As a browser: the page first, then what it names together. */
async function measureView(samples: Samples, what: string): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const [page = '', ...rest] = FILES;
  const beganMs = performance.now();
  const sizes = [
    await read(page, agent),
    ...(await Promise.all(rest.map((one) => read(one, agent)))),
  ];
  addSample(samples, `${what}: first view`, performance.now() - beganMs);
  const aloneMs = performance.now();
  await read('api/overview', agent);
  addSample(samples, `${what}: overview alone`, performance.now() - aloneMs);
  agent.destroy();
  if (sizes.includes(0)) throw new Error(`sizes are ${sizes.join(', ')}`);
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function stall(): Promise<() => void> {
  const sockets = await Promise.all(
    Array.from({ length: STALLED }, async () => {
      const socket = connect(5000, '127.0.0.1');
      socket.on('error', () => undefined).pause();
      await new Promise((done) =>
        socket.write('GET /panel/api/events HTTP/1.1\r\nHost: localhost\r\n\r\n', done),
      );
      return socket;
    }),
  );
  await sleep(5_000);
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function measureAll(configuration: string) {
  const samples: Samples = new Map();
  let bytes = 0;
  await stopProxy(await filled(configuration));
  for (let run = 0; run < COLD_RUNS; run += 1) {
    const child = await startProxy(configuration);
    bytes = await measureView(samples, 'cold');
    await stopProxy(child);
  }
  const child = await startProxy(configuration);
  await measureView(new Map(), 'warm');
  for (let run = 0; run < runs; run += 1) {
    await sleep(run % 3 === 0 ? 1100 : 50);
    await measureView(samples, 'warm');
  }
  const release = await stall();
  for (let run = 0; run < runs; run += 1) await measureView(samples, `with ${STALLED} stalled`);
  release();
  await stopProxy(child);
  return { rows: summarise(samples, partitions), bytes };
}

async function filled(configuration: string): Promise<ChildProcess> {
  const child = await startProxy(configuration);
  await fill();
  return child;
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
  const supervisor = new Ours();
  await supervisor.start(site);
  const { rows, bytes } = await measureAll(writeConfiguration(site.folder));
  await supervisor.stop();
  const machine = describeMachine({});
  const lines = rows.map(({ max, median, min, unit, what }) => {
    return `${what.padEnd(36)} ${min} / ${median} / ${max} ${unit}`;
  });
  const sizes = `${partitions} partitions of ${services} services, ${bytes} bytes in the first view`;
  const text = `${Object.values(machine).join(', ')}\n${sizes}\n${lines.join('\n')}\n`;
  process.stdout.write(values.json ? `${JSON.stringify({ machine, bytes, rows })}\n` : text);
}

runInNamespaces('panel', main);
