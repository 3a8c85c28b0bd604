/** A node on a machine without systemd: started, made, asked, and looked at by the scene `faults`. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import { attempt, check, must, say, until } from './console.ts';
import { ROOT, runningPid, SOFTWARE } from './node-facts.ts';

export const MASTER = 'http://127.0.0.1:8080';
export const CONFIGURATION = '/etc/opt/slapos/slapos.cfg';
export const PROXY_DATABASE = '/opt/slapos/slapproxy.db';
export const COLLECTOR_DATABASE = `${ROOT}/var/data-log/collector.db`;
const PASSES = ['format --now', 'software', 'instance', 'report', 'collect'] as const;

/** What the machine was started for, and what the outside knows of the one before. */
export interface Order {
  readonly act: string;
  readonly isFirst?: boolean;
  readonly end?: 'cut' | 'reboot';
  readonly afterMs?: number;
  readonly expected: {
    /** Number and moment of each answer of the proxy, in ms of that machine's life. */
    readonly acknowledged: ReadonlyArray<readonly [count: number, atMs: number]>;
    readonly lastMs: number;
    readonly rows: number;
    readonly put: readonly string[];
    readonly posted: readonly string[];
  };
}

export async function postForm(path: string, fields: Readonly<Record<string, string>>) {
  const body = new URLSearchParams(fields);
  const signal = AbortSignal.timeout(60_000);
  const answer = await fetch(`${MASTER}/${path}`, { method: 'POST', body, signal });
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks for an instance as a client does. @returns the status of HTTP */
export function request(title: string, n: number, state = 'started'): Promise<number> {
  const marshal = (value: MarshalValue) => encodeMarshal(value);
  return postForm('requestComputerPartition', {
    software_release: SOFTWARE,
    software_type: 'default',
    partition_reference: title,
    partition_parameter_xml: marshal({ n: String(n) }),
    filter_xml: marshal({}),
    shared_xml: marshal(false),
    state: marshal(state),
  });
}

/** Runs a query with Python, whose SQLite is another one than ours. */
export function query(database: string, sql: string): string {
  const program = `import sqlite3,sys;print(*[r[0] for r in sqlite3.connect(sys.argv[1], timeout=60).execute(sys.argv[2])])`;
  return must(`/usr/bin/python3 -c '${program}' ${database} "${sql}"`);
}

/** The supervisor and what it starts by itself, as `slapos node supervisord` of a boot script. */
export async function startNode(): Promise<void> {
  must('slapos node supervisord');
  await until(() => runningPid('slapproxy'), 'the local Master');
  const answer = () =>
    fetch(`${MASTER}/getRunId`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    );
  await until(answer, 'an answer of the local Master', 240_000);
}

/** The supervisor answers before it has stopped. */
export async function stopNode(): Promise<void> {
  must('slapos node supervisorctl shutdown');
  const isOver = () => (existsSync(`${ROOT}/sv.sock`) ? undefined : true);
  await until(isOver, 'the end of the supervisor', 240_000);
}

/** Promises may come before the service that the pass starts has come up, on an emulated processor. */
export function processInstances(): void {
  if (attempt('slapos node instance').status !== 0) must('sleep 10; slapos node instance');
}

/** As boot scripts do (docs/boot.md): addresses are gone, and services ended without them. */
export async function bringUp(): Promise<void> {
  await startNode();
  must('slapos node boot');
  processInstances();
  await until(() => runningPid('slappart0', 'hello'), 'the service', 240_000);
}

/** A node with a release, two instances and their services. */
export async function makeNode(): Promise<void> {
  must('slapos configure local --interface-name br0 --partition-number 3');
  must(`sed -i "s/^create_tap = .*/create_tap = true/" ${CONFIGURATION}`);
  // Emulated, and beside other work.
  must(`sed -i "s/^\\[slapos\\]/&\\npromise_timeout = 300/" ${CONFIGURATION}`);
  await startNode();
  must(
    '/usr/lib/slapos-node/node/bin/node /usr/lib/slapos-node/scripts/install-example.mjs /opt/slapos/hello',
  );
  must('slapos node format --now');
  must(`slapos supply ${SOFTWARE} local_computer`);
  must('slapos node software');
  check((await request('hello', 0)) === 200, 'hello was not taken');
  check((await request('second', 0)) === 200, 'second was not taken');
  must('slapos node instance');
  must('slapos node collect');
  await until(() => runningPid('slappart0', 'hello'), 'the service', 240_000);
}

/** Runs every kind of pass; one may need another one, as the timers give it. */
export function converge(): void {
  const again: string[] = [];
  for (const pass of PASSES) {
    const first = attempt(`slapos node ${pass}`);
    if (first.status === 0) continue;
    again.push(pass);
    say(`seen node ${pass} ended with ${first.status}: ${first.text.slice(-400)}`);
    must(`slapos node ${pass}`);
  }
  check(again.length <= 1, `second passes were needed: ${again.join(', ')}`);
}

/** A command that goes on in the background. */
export function start(line: string) {
  return spawn('/bin/sh', ['-c', `exec ${line}`], { stdio: 'ignore' });
}

export function setPartitions(count: number): void {
  const text = readFileSync(CONFIGURATION, 'utf8');
  const changed = text.replace(/^partition_amount *=.*/m, `partition_amount = ${count}`);
  writeFileSync(CONFIGURATION, changed);
  must(`sync ${CONFIGURATION}`);
}

export function countPartitions(): number {
  const text = readFileSync(CONFIGURATION, 'utf8');
  return Number(/^partition_amount *= *(\d+)/m.exec(text)?.[1]);
}
