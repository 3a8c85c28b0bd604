/** What must be there after a machine died in the middle. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { check, must, say, test } from './console.ts';
import { report } from './fault-acts.ts';
import {
  bringUp,
  COLLECTOR_DATABASE,
  converge,
  type Order,
  PROXY_DATABASE,
  query,
} from './fault-node.ts';
import { askHello, ROOT } from './node-facts.ts';

/** docs/proxy.md: a power cut takes what was committed in the last moment; emulators are slow. */
const LAST_MOMENT_MS = 2000;

function requestedNumber(): number {
  const text = query(
    PROXY_DATABASE,
    "SELECT xml FROM partition17 WHERE partition_reference = 'hello'",
  );
  return Number(/<parameter id=.n.>(\d+)/.exec(text)?.[1] ?? Number.NaN);
}

function checkAcknowledged({ expected }: Order): void {
  const found = requestedNumber();
  const last = expected.acknowledged.at(-1)?.[0] ?? 0;
  const settled = expected.acknowledged.filter(([, at]) => at < expected.lastMs - LAST_MOMENT_MS);
  const due = settled.at(-1)?.[0] ?? 0;
  if (found < last) say(`seen requests ${found + 1} to ${last} of the last moment are lost`);
  check(found >= due, `request ${due} was answered, the database has ${found}`);
}

function checkDatabases(): void {
  for (const path of [PROXY_DATABASE, COLLECTOR_DATABASE]) {
    const answer = query(path, 'PRAGMA integrity_check');
    check(answer === 'ok', `${path}: ${answer}`);
  }
}

function* walk(folder: string, depth: number): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory() && depth > 0) yield* walk(path, depth - 1);
  }
}

const OURS = /(\.slapos-[\w-]+|\.timestamp|\.completed|\.json|\.xml|\.cfg|\.conf)$/;
/** Made empty, or only by us while we write. */
const LEFT = /\.(tmp|part|new)$|^\..*\.[0-9a-f]{6,}\.tmp$/;

/** The answer of the Master has its tag before it, on a line of its own. */
const isJson = (name: string) =>
  name === '.slapos-resource' || (name.endsWith('.json') && name !== 'slapos-master-document.json');

/** After the next passes everything of ours is whole. */
function checkFiles(): void {
  const bad: string[] = [];
  for (const path of [...walk(ROOT, 4), ...walk('/opt/slapgrid', 2)]) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (LEFT.test(name)) bad.push(`${path} is left over`);
    if (!OURS.test(name)) continue;
    if (statSync(path).size === 0) bad.push(`${path} is empty`);
    else if (isJson(name)) {
      try {
        JSON.parse(readFileSync(path, 'utf8'));
      } catch {
        bad.push(`${path} is no JSON`);
      }
    }
  }
  check(bad.length === 0, bad.join('; '));
}

/** Each consumption was told once; twice only if the machine died between answer and removal. */
async function checkConsumption({ expected }: Order): Promise<void> {
  await report(true);
  const left = readdirSync(`${ROOT}/slappart0/var/xml_report`);
  check(left.length === 0, `not reported: ${left.join(', ')}`);
  const doubles = expected.put.filter(
    (id) => expected.posted.filter((each) => each === id).length > 1,
  );
  check(doubles.length <= 1, `told more than once: ${doubles.join(', ')}`);
  say(
    `seen ${expected.put.length} put, ${expected.posted.length} posted before, ${doubles.length} twice`,
  );
}

/** Looks at what the former machine left, and brings the node back. */
export async function checkNode(order: Order, former: string): Promise<void> {
  const name = `after ${former}`;
  await test(`${name}: databases are whole, and hold what was answered`, () => {
    checkDatabases();
    checkAcknowledged(order);
    const rows = Number(query(COLLECTOR_DATABASE, 'SELECT COUNT(*) FROM system'));
    check(rows >= order.expected.rows, `${rows} of ${order.expected.rows} samples`);
  });
  await test(`${name}: the next passes bring the node back`, async () => {
    await bringUp();
    converge();
    await askHello('slappart0', 'hello');
    checkFiles();
    must('sync');
  });
  if (order.expected.put.length > 0) {
    await test(`${name}: consumption is told`, () => checkConsumption(order));
  }
}

export const nextNumber = (): number => requestedNumber() + 1;
