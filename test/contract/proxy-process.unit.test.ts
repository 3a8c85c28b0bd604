/**
 * What only processes of their own show: two proxies on one database never give a partition twice,
 * and a body of 100 MB takes no memory.
 */
import { Socket } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MarshalObject } from '../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { computerDocument, postForm, requestFields } from '../support/proxy-fixture.ts';
import { bundleProxy, type ProxyProcess } from '../support/proxy-process.ts';

const FREE = 5;
const MEGABYTE = 1024 * 1024;

let bundle: Awaited<ReturnType<typeof bundleProxy>>;
let proxies: readonly ProxyProcess[];
beforeAll(async () => {
  bundle = await bundleProxy();
  const database = join(bundle.folder, 'proxy.db');
  proxies = [await bundle.start(database), await bundle.start(database)];
  await postTo(0, 'loadComputerConfigurationFromXML', { xml: computerDocument(FREE) });
});
afterAll(() => bundle.close());

function postTo(proxy: number, path: string, fields: Readonly<Record<string, string>>) {
  return postForm(`${proxies[proxy]?.url}${path}`, fields);
}

/** Asks one of the proxies. @returns the partition, null when none is free */
async function request(proxy: number, title: string): Promise<string | null> {
  const fields = requestFields({ partition_reference: title });
  const { status, text } = await postTo(proxy, 'requestComputerPartition', fields);
  if (status === 404) return null;
  expect([status, text]).toEqual([200, expect.anything()]);
  const { attributes } = decodeMarshal(text) as MarshalObject;
  return String(attributes['slap_computer_partition_id']);
}

async function freeAll(): Promise<void> {
  for (let index = 0; index < FREE; index += 1) {
    const key = { computer_id: 'COMP-1', computer_partition_id: `slappart${index}` };
    await postTo(index % 2, 'destroyedComputerPartition', key);
  }
}

describe('two proxies on one database', () => {
  test('the last free partition goes to one of two clients', async () => {
    for (let round = 0; round < 10; round += 1) {
      for (let index = 1; index < FREE; index += 1) await request(index % 2, `first${index}`);
      const found = await Promise.all([request(0, 'left'), request(round % 2, 'right')]);
      expect(found.filter((partition) => partition !== null)).toHaveLength(1);
      await freeAll();
    }
  });

  test('any number of requests at once never share one', { timeout: 120_000 }, async () => {
    const call = fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 8 }));
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 40 }), async (calls) => {
        const answers = await Promise.all(
          calls.map(async ([proxy, title]) => [title, await request(proxy, `t${title}`)] as const),
        );
        await freeAll();
        const given = new Map<number, Set<string>>();
        for (const [title, partition] of answers) {
          if (partition !== null) given.set(title, (given.get(title) ?? new Set()).add(partition));
        }
        // One partition for each title, another one for each other title, none left over.
        const partitions = [...given.values()].flatMap((set) => [...set]);
        expect(partitions).toHaveLength(given.size);
        expect(new Set(partitions).size).toBe(given.size);
        expect(given.size).toBe(Math.min(FREE, new Set(calls.map(([, title]) => title)).size));
      }),
      { numRuns: 15 },
    );
  });
});

const FORM = 'application/x-www-form-urlencoded';

test.each([
  ['announced', FORM, true, 413],
  ['in pieces', FORM, false, 413],
  ['of another type', 'application/xml', true, 415],
])('100 MB, %s, are refused and never in memory', async (_name, type, isAnnounced, status) => {
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy');
  const { rssBytes } = proxy.memory();
  const answer = await sendBody(new URL(proxy.url), 100 * MEGABYTE, type, isAnnounced);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\n.*\\w`));
  expect(proxy.memory().peakBytes - rssBytes).toBeLessThan(90 * MEGABYTE);
  expect((await fetch(`${proxy.url}getRunId`)).status).toBe(200);
});

/** Sends all of a body, as simple clients do, and reads the answer only then. */
function sendBody(url: URL, bytes: number, type: string, isAnnounced: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    const length = isAnnounced ? `content-length: ${bytes}` : 'transfer-encoding: chunked';
    const piece = 'x'.repeat(65536);
    const data = isAnnounced ? piece : `10000\r\n${piece}\r\n`;
    let sent = 0;
    const push = () => {
      while (sent < bytes) {
        sent += piece.length;
        if (!socket.write(data)) return;
      }
      socket.off('drain', push);
      if (!isAnnounced) socket.write('0\r\n\r\n');
      socket.once('data', (answer) => {
        resolve(answer.toString('latin1'));
        socket.destroy();
      });
    };
    socket.on('drain', push);
    socket.on('error', reject);
    socket.connect(Number(url.port), url.hostname, () => {
      socket.write('POST /loadComputerConfigurationFromXML HTTP/1.1\r\nhost: x\r\n');
      socket.write(`content-type: ${type}\r\n${length}\r\n\r\n`);
      push();
    });
  });
}
