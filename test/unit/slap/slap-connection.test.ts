/** How the library behaves towards a server that does as it is told. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { Slap, type SlapOptions } from '../../../src/slap/slap.ts';
import { HOSTILE_TEXT, OBEYED } from '../../support/hostile-texts.ts';
import {
  type ScriptedAnswer,
  type SeenRequest,
  startScriptedServer,
} from '../../support/scripted-server.ts';

type Script = (request: SeenRequest) => ScriptedAnswer | null;

const PRODUCTS = { body: encodeMarshal(['https://example.com/a.cfg']) };
const TREES = { body: JSON.stringify({ result_list: [{ title: 'web' }] }) };
const REQUEST = { softwareRelease: 'https://example.com/a.cfg', title: 'web' };

let script: Script;
let server: Awaited<ReturnType<typeof startScriptedServer>>;
const opened: Slap[] = [];

beforeEach(async () => {
  server = await startScriptedServer((request) => script(request));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((slap) => slap.abort()));
  await server.close();
});

function open(options: Partial<SlapOptions> = {}): Slap {
  const retries = { maxRetries: 2, minDelayMs: 1, maxDelayMs: 1000 };
  const slap = new Slap({ masterUrl: server.url, retries, ...options });
  opened.push(slap);
  return slap;
}

/** Each answer once, the last one for ever. */
function inTurn(...answers: readonly ScriptedAnswer[]): Script {
  let count = 0;
  return () => {
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    return answer ?? null;
  };
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

describe('reads are repeated', () => {
  test.each([429, 502, 503, 504])('after status %i', async (status) => {
    script = inTurn({ status }, PRODUCTS);
    expect(await open().getProductReleases('a')).toEqual(['https://example.com/a.cfg']);
    expect(server.seen).toHaveLength(2);
  });

  test('of JSON-RPC too, though each is a POST', async () => {
    script = inTurn({ status: 503 }, { isCut: true }, TREES);
    expect(await open({ transport: 'json-rpc' }).listServices()).toEqual(['web']);
    expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
  });

  test('after a connection that was cut, and not for ever', async () => {
    script = () => ({ isCut: true });
    expect(await codeOf(open().getProductReleases('a'))).toBe('SLAPOS_ERR_MASTER_UNAVAILABLE');
    expect(server.seen).toHaveLength(3);
  });

  test('not after what a repetition does not change', async () => {
    for (const status of [400, 403, 404, 500]) {
      script = () => ({ status });
      expect(await codeOf(open().getProductReleases('a'))).toMatch(/^SLAPOS_ERR_MASTER_/);
    }
    expect(server.seen).toHaveLength(4);
  });

  test('not at all when that is wanted', async () => {
    script = () => ({ status: 503 });
    await codeOf(open({ retries: { maxRetries: 0 } }).getProductReleases('a'));
    expect(server.seen).toHaveLength(1);
  });
});

describe('what changes something is sent once', () => {
  const changes: ReadonlyArray<readonly [string, (slap: Slap) => Promise<unknown>]> = [
    ['request', (slap) => slap.registerOpenOrder().request(REQUEST)],
    ['supply', (slap) => slap.registerSupply().supply('https://example.com/a.cfg', 'COMP-1')],
    ['bang', (slap) => slap.registerComputer('COMP-1').bang('why')],
  ];
  const answers: readonly ScriptedAnswer[] = [
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 429 },
    { isCut: true },
  ];
  for (const transport of ['xml', 'json-rpc'] as const) {
    test.each(changes)(`%s over ${transport}`, async (_name, change) => {
      for (const answer of answers) {
        script = () => answer;
        expect(await codeOf(change(open({ transport })))).toMatch(/^SLAPOS_ERR_MASTER_/);
      }
      expect(server.seen).toHaveLength(answers.length);
    });
  }
});

describe('Retry-After', () => {
  test('within the bound is waited', async () => {
    script = inTurn({ status: 503, headers: { 'retry-after': '0' } }, PRODUCTS);
    expect(await codeOf(open().getProductReleases('a'))).toBe('done');
  });

  test('beyond the bound ends the call at once, and the error tells it', async () => {
    script = () => ({ status: 503, headers: { 'retry-after': '3600' } });
    await expect(open().getProductReleases('a')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      isRetryable: true,
      context: { status: 503, retryAfterMs: 3_600_000 },
    });
    expect(server.seen).toHaveLength(1);
  });
});

describe('limits of time', () => {
  test('of one call', async () => {
    script = () => null;
    await expect(open().getProductReleases('a', { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      message: expect.stringContaining('within 30 ms'),
    });
  });

  test('of every call, for a request too', async () => {
    script = () => null;
    const slap = open({ totalTimeoutMs: 30, transport: 'json-rpc' });
    await expect(slap.registerOpenOrder().request(REQUEST)).rejects.toMatchObject({
      message: expect.stringContaining('within 30 ms'),
    });
    // None where the time was over before it was sent.
    expect(server.seen.length).toBeLessThan(2);
  });

  test('repetitions count too', async () => {
    script = () => ({ status: 503 });
    const retries = { maxRetries: 1_000_000, minDelayMs: 1, maxDelayMs: 1 };
    await expect(open({ retries, totalTimeoutMs: 100 }).listServices()).rejects.toMatchObject({
      message: expect.stringContaining('within 100 ms'),
    });
  });

  test('of a silence', async () => {
    script = () => null;
    const slap = open({ timeoutMs: 100, retries: { maxRetries: 0 } });
    await expect(slap.getProductReleases('a')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      context: { reason: 'UND_ERR_HEADERS_TIMEOUT' },
    });
  });
});

describe('a server that takes connections and says nothing', () => {
  let silent: Server;
  let masterUrl: string;

  beforeEach(async () => {
    silent = createServer((socket) => socket.on('error', () => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    masterUrl = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  });

  afterEach(() => {
    silent.close();
  });

  test('is given up after the time for connecting', async () => {
    const slap = open({ masterUrl, connectTimeoutMs: 100, retries: { maxRetries: 0 } });
    await expect(slap.getProductReleases('a')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
      context: { reason: 'UND_ERR_CONNECT_TIMEOUT' },
    });
  });

  test('can be left', async () => {
    const call = open({ masterUrl }).getProductReleases('a', { timeoutMs: 30 });
    expect(await codeOf(call)).toBe('SLAPOS_ERR_MASTER_UNAVAILABLE');
  });
});

describe('a signal', () => {
  test('ends a call that waits for its answer', async () => {
    const controller = new AbortController();
    script = () => {
      controller.abort(new Error('no longer wanted'));
      return null;
    };
    const call = open().getProductReleases('a', { signal: controller.signal });
    await expect(call).rejects.toMatchObject({
      code: 'SLAPOS_ERR_CANCELLED',
      cause: { message: 'no longer wanted' },
    });
    expect(server.seen).toHaveLength(1);
  });

  test('ends a pause before a repetition', async () => {
    const controller = new AbortController();
    script = () => {
      setImmediate(() => controller.abort());
      return { status: 503 };
    };
    const retries = { maxRetries: 5, minDelayMs: 500_000, maxDelayMs: 500_000 };
    const call = open({ retries }).getProductReleases('a', { signal: controller.signal });
    expect(await codeOf(call)).toBe('SLAPOS_ERR_CANCELLED');
  });

  test('that was aborted before sends nothing', async () => {
    script = () => PRODUCTS;
    const call = open().getProductReleases('a', { signal: AbortSignal.abort() });
    expect(await codeOf(call)).toBe('SLAPOS_ERR_CANCELLED');
    expect(server.seen).toEqual([]);
  });

  test('keeps a change from being sent that waits for a connection', async () => {
    script = ({ target }) => (target.includes('getSoftware') ? null : { body: '' });
    const slap = open();
    const controller = new AbortController();
    // As many as there are connections, so that the next one waits.
    const waiting = Array.from({ length: 8 }, () => {
      return slap.getProductReleases('a', { signal: controller.signal });
    });
    const ended = Promise.allSettled(waiting);
    await expect.poll(() => server.seen.length, { timeout: 30_000 }).toBe(8);
    const signal = new AbortController();
    const change = slap.registerComputer('COMP-1').bang('why', { signal: signal.signal });
    const outcome = codeOf(change);
    // Until it has come to where it waits.
    await new Promise(setImmediate);
    signal.abort();
    expect(await outcome).toBe('SLAPOS_ERR_CANCELLED');
    controller.abort();
    await ended;
    await slap.registerComputer('COMP-1').bang('another');
    expect(server.seen.filter(({ body }) => body.includes('why'))).toEqual([]);
    expect(server.seen.filter(({ body }) => body.includes('another'))).toHaveLength(1);
  });

  test('leaves nothing behind on a signal that lives on', async () => {
    script = () => PRODUCTS;
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    await open().getProductReleases('a', { signal });
    expect(listeners).toBe(0);
  });
});

test('calls one after another use one connection, over both transports', async () => {
  script = ({ method }) => (method === 'GET' ? PRODUCTS : TREES);
  const slap = open();
  for (let count = 0; count < 5; count += 1) await slap.getProductReleases('a');
  for (let count = 0; count < 5; count += 1) {
    await slap.rpc.call('slapos.allDocs.v0.instance_tree_list', {});
  }
  expect(server.seen).toHaveLength(10);
  expect(new Set(server.seen.map(({ remotePort }) => remotePort)).size).toBe(1);
});

describe('what a server explains is one short line', () => {
  const json = (title: unknown) => ({
    status: 403,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: 403, type: HOSTILE_TEXT, title }),
  });
  const html = { 'content-type': 'text/html' };
  test.each([
    ['text', { status: 400, body: HOSTILE_TEXT }],
    ['HTML', { status: 500, headers: html, body: `<html><p>${HOSTILE_TEXT}</p></html>` }],
    ['JSON', json(HOSTILE_TEXT)],
    ['JSON with an object for a title', json({ toString: 1, title: HOSTILE_TEXT })],
    ['half of a long JSON', { status: 400, body: json('x'.repeat(1_000_000)).body }],
    ['megabytes of <', { status: 400, headers: html, body: '<'.repeat(2_000_000) }],
    ['megabytes of <p>', { status: 400, headers: html, body: '<p>'.repeat(700_000) }],
  ] satisfies ReadonlyArray<readonly [string, ScriptedAnswer]>)('%s', async (_name, answer) => {
    script = () => answer;
    for (const transport of ['xml', 'json-rpc'] as const) {
      const failure = await open({ transport })
        .registerComputer('COMP-1')
        .bang('why')
        .catch((error: unknown) => error as { message: string; context: Record<string, unknown> });
      const { message, context } = failure as { message: string; context: object };
      expect(message.length).toBeLessThan(1000);
      expect(message).not.toMatch(OBEYED);
      expect(JSON.stringify(context)).not.toMatch(OBEYED);
      expect(JSON.stringify(context).length).toBeLessThan(1000);
    }
  });
});
