/** What the node is doing when the power goes: one kind of pass again and again, beside requests. */
import { chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import { attempt, must, say } from './console.ts';
import {
  COLLECTOR_DATABASE,
  CONFIGURATION,
  countPartitions,
  MASTER,
  postForm,
  query,
  request,
  setPartitions,
} from './fault-node.ts';
import { ROOT } from './node-facts.ts';

const HOME = `${ROOT}/slappart0`;
const RELAYED = '/etc/opt/slapos/relayed.cfg';
const RELAY_PORT = 8081;
const MOST_PARTITIONS = 40;

/** A client: every answer is told outside, with the number that it was about. */
export async function keepRequesting(from: number): Promise<never> {
  for (let n = from; ; n += 1) {
    const status = await request('hello', n).catch(() => 0);
    if (status === 200) say(`ack ${n} ${performance.now().toFixed(0)}`);
    await sleep(150);
  }
}

/** Services that come and go, so that the supervisor writes logs and its journal. */
export async function keepSteering(): Promise<never> {
  const client = new SupervisorClient(`${ROOT}/sv.sock`);
  const call = (method: string, group: string) =>
    client.call(`supervisor.${method}`, group).catch(() => {});
  for (;;) {
    await call('stopProcessGroup', 'slappart1');
    await sleep(300);
    await call('startProcessGroup', 'slappart1');
    await sleep(300);
  }
}

async function buildReleases(): Promise<void> {
  for (let index = Math.floor(performance.now()); ; index += 1) {
    const folder = `/opt/slapos/hello-${index}`;
    must(
      `/usr/lib/slapos-node/node/bin/node /usr/lib/slapos-node/scripts/install-example.mjs ${folder}`,
    );
    must('sync');
    const release = { url: `${folder}/software.cfg`, computer_id: 'local_computer' };
    await postForm('supplySupply', { ...release, state: 'available' });
    await passing('software');
    await postForm('supplySupply', { ...release, state: 'destroyed' });
    await passing('software');
  }
}

async function changePartitions(): Promise<void> {
  for (;;) {
    setPartitions(Math.min(countPartitions() + 1, MOST_PARTITIONS));
    await passing('format --now');
  }
}

async function processInstances(): Promise<void> {
  for (let n = 0; ; n += 1) {
    await request('second', n, n % 3 === 2 ? 'stopped' : 'started').catch(() => {});
    await passing('instance --all');
  }
}

async function collect(): Promise<void> {
  for (;;) {
    await passing('collect');
    say(`rows ${query(COLLECTOR_DATABASE, 'SELECT COUNT(*) FROM system')}`);
  }
}

/** A Master between: what was posted is told outside before it is answered. */
async function relay(): Promise<void> {
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      const body = Buffer.concat(pieces);
      for (const [id] of body.toString('latin1').matchAll(/consumed-\d+/g)) say(`posted ${id}`);
      const { headers, method, url } = incoming;
      const there = forward(`${MASTER}${url}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      there.on('error', () => outgoing.destroy());
      there.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(RELAY_PORT, '127.0.0.1', resolve));
  const text = readFileSync(CONFIGURATION, 'utf8');
  writeFileSync(RELAYED, text.replaceAll('127.0.0.1:8080', `127.0.0.1:${RELAY_PORT}`));
}

/** A script of the partition would do as much: written, synced, renamed. */
function putConsumption(id: string): void {
  const { uid, gid } = statSync(HOME);
  const folder = `${HOME}/var/xml_report`;
  mkdirSync(folder, { recursive: true });
  const text = `<consumption><movement><resource>${id}</resource><quantity>1.0</quantity><price>0.0</price><VAT></VAT></movement></consumption>`;
  writeFileSync(`${folder}/.${id}`, text);
  for (const path of [`${HOME}/var`, folder, `${folder}/.${id}`]) chownSync(path, uid, gid);
  renameSync(`${folder}/.${id}`, `${folder}/${id}.xml`);
  must('sync');
  say(`put ${id}`);
}

let relaying: Promise<void> | undefined;

export async function report(isOnce = false): Promise<void> {
  relaying ??= relay();
  await relaying;
  for (let index = Math.floor(performance.now()); ; index += 1) {
    if (!isOnce) putConsumption(`consumed-${index}`);
    await passing(`report --cfg ${RELAYED}`);
    if (isOnce) return;
  }
}

/** Off this thread, whose relay and client go on. */
async function passing(words: string): Promise<void> {
  const { exec } = await import('node:child_process');
  await new Promise<void>((resolve) => exec(`slapos node ${words}`, () => resolve()));
}

const ACTS: Readonly<Record<string, () => Promise<void>>> = {
  format: changePartitions,
  software: buildReleases,
  instance: processInstances,
  collect,
  report: () => report(),
};

/** Never ends by itself. */
export async function act(name: string, firstNumber: number): Promise<void> {
  const run = ACTS[name];
  if (run === undefined) throw new Error(`no act ${name}`);
  void keepRequesting(firstNumber);
  void keepSteering();
  say(`began ${name}`);
  await run();
}

/** Processes die, file systems are synced: what a reboot does to a pass in the middle. */
export async function rebootAfter(ms: number): Promise<void> {
  await sleep(ms);
  say('rebooting in the middle');
  attempt('busybox reboot -f');
}
