/**
 * A Master that has to ask another one: ours and upstream's proxy in either place. Instances,
 * slaves, changes, connection parameters and ends come to the same as with upstream's in both.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSlapClient } from '../../src/slap/slap-client.ts';
import { findInteropPython } from '../support/interop-release.ts';
import { computerDocument } from '../support/proxy-fixture.ts';
import { RealNode, type Side } from '../support/real-node.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const PROGRAM = join(import.meta.dirname, '../support/multimaster.py');
const PORT = 5430;

interface Cast {
  readonly front: Side;
  readonly back: Side;
}
const CASTS: readonly Cast[] = [
  { front: 'upstream', back: 'upstream' },
  { front: 'ours', back: 'upstream' },
  { front: 'upstream', back: 'ours' },
  { front: 'ours', back: 'ours' },
];

const but = (attributes: object) => (upstream: unknown) => {
  const [kind, known] = upstream as readonly [string, object];
  return [kind, { ...known, ...attributes }];
};
type Decision = (upstream: unknown) => unknown;
type Decisions = ReadonlyArray<readonly [RegExp, Decision]>;

/** Addresses of the other Master's fifth partition, which upstream leaves out. */
const FIFTH = ['list', ['list', 'tap4', '10.0.1.4'], ['list', 'tap4', 'fd00::4']];

/** Where ours answers otherwise on purpose (docs/proxy.md). */
const DECIDED: Readonly<Record<'front' | 'back', Decisions>> = {
  // A refusal is passed on as it is, where upstream fails.
  front: [
    [/^slave without host$|^more than/, () => ['raised', 'slapos.NotFoundError', null]],
    [/^by JSON-RPC$/, (upstream) => ({ ...(upstream as object), ip_list: FIFTH })],
  ],
  back: [
    [/^(child )?slave( with its connection)?$/, but({ _requested_state: 'started' })],
    [/^state of slave$/, () => 'started'],
    [/^slave destroyed$/, but({ _requested_state: 'destroyed' })],
    [/^root without state$/, but({ _requested_state: 'stopped' })],
  ],
};

type Told = ReadonlyArray<readonly [string, unknown]>;
interface Outcome {
  readonly told: Told;
  /** What the front has noted of requests that it passed on. */
  readonly forwarded: readonly unknown[];
}

describe.skipIf(note !== '')(`a Master behind another${note}`, () => {
  const pairs: Pair[] = [];
  let outcomes: readonly Outcome[];

  beforeAll(async () => {
    for (const [index] of CASTS.entries()) pairs.push(new Pair(PORT + 2 * index));
    outcomes = await Promise.all(
      CASTS.map(async (cast, index) => {
        const pair = pairs[index];
        if (pair === undefined) throw new Error('no such pair');
        await pair.start(cast);
        return pair.tell();
      }),
    );
  });
  afterAll(() => Promise.all(pairs.map((pair) => pair.remove())));

  it.each(CASTS.slice(1).map((cast, index) => ({ ...cast, index: index + 1 })))(
    '$front before $back',
    ({ index, ...cast }) => {
      const [wanted, found] = [outcomes[0], outcomes[index]];
      expect(found?.told.length).toBe(wanted?.told.length);
      for (const [position, [title, result]] of (wanted?.told ?? []).entries()) {
        expect.soft(found?.told[position]).toEqual([title, decide(title, result, cast)]);
      }
      expect.soft(found?.forwarded).toEqual(wanted?.forwarded);
    },
  );
});

function decide(title: string, upstream: unknown, { front, back }: Cast): unknown {
  const decisions = [
    ...(back === 'ours' ? DECIDED.back : []),
    ...(front === 'ours' ? DECIDED.front : []),
  ];
  return decisions
    .filter(([pattern]) => pattern.test(title))
    .reduce((result, [, decision]) => decision(result), upstream);
}

/** Two proxies, the first of which asks the second. */
class Pair {
  readonly #front: RealNode;
  readonly #back: RealNode;

  constructor(port: number) {
    const name = `http://localhost:${port + 1}/`;
    this.#back = new RealNode({
      folder: `/srv/back-${port}`,
      port: port + 1,
      python,
      slapos: { computer_id: 'COMP-2' },
    });
    this.#front = new RealNode({
      folder: `/srv/front-${port}`,
      port,
      python,
      sections: {
        [`multimaster/${this.#back.masterUrl}`]: {
          software_release_list: '\n  https://example.com/far.cfg',
        },
        [`multimaster/${name}`]: {
          computer: 'COMP-2',
          partition: 'slappart0',
          software_release_list: '\n  https://example.com/as-partition.cfg',
        },
      },
    });
  }

  /** On databases that upstream made, so that rows have the same columns. */
  async start({ front, back }: Cast): Promise<void> {
    await Promise.all([
      this.#start(this.#front, front, 4),
      this.#start(this.#back, back, 5, 'COMP-2'),
    ]);
  }

  async #start(node: RealNode, side: Side, partitions: number, computer = 'COMP-1'): Promise<void> {
    await node.startProxy('upstream');
    if (side === 'ours') {
      await node.stopProxy();
      await node.startProxy('ours');
    }
    const client = createSlapClient({ masterUrl: node.masterUrl });
    await client.loadComputerConfiguration(computerDocument(partitions, computer));
    await client.close();
  }

  async tell(): Promise<Outcome> {
    const urls = [this.#front.masterUrl, this.#back.masterUrl];
    const options = { cwd: this.#front.folder, maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)(python, [PROGRAM, ...urls], options);
    return { told: JSON.parse(this.#normalise(stdout)) as Told, forwarded: this.#forwarded() };
  }

  #forwarded(): unknown[] {
    const database = new Sqlite(join(this.#front.folder, 'proxy.db'), { readonly: true });
    const rows = database
      .prepare('SELECT * FROM forwarded_partition_request18 ORDER BY 1, 2')
      .all();
    database.close();
    return JSON.parse(this.#normalise(JSON.stringify(rows))) as unknown[];
  }

  #normalise(text: string): string {
    const back = new URL(this.#back.masterUrl);
    return text
      .replaceAll(new URL(this.#front.masterUrl).host, 'front')
      .replaceAll(back.host, 'back')
      .replaceAll(`localhost:${back.port}`, 'back-as-partition')
      .replace(/\b\d{10}(\.\d+)?\b/g, '0');
  }

  async remove(): Promise<void> {
    await Promise.all([this.#front.remove(), this.#back.remove()]);
  }
}
