import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  documentUrl,
  SCHEMA_LIMITS,
  type SchemaLimits,
  SchemaReader,
} from '../../../src/slap/schema-reader.ts';

let folder: string;
let server: Server | undefined;
let reader: SchemaReader | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-schemas-'));
});
afterEach(async () => {
  await reader?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
  server = undefined;
  rmSync(folder, { recursive: true });
});

function open(limits: Partial<SchemaLimits> = {}): SchemaReader {
  const opened = new SchemaReader({ ...SCHEMA_LIMITS, ...limits });
  reader = opened;
  return opened;
}

function put(name: string, text: string): URL {
  writeFileSync(join(folder, name), text);
  return documentUrl(name, folder);
}

/** What a server answers with; undefined: it never does. */
async function serve(body: string | undefined): Promise<URL> {
  const listening = createServer((_request, response) => {
    if (body !== undefined) response.end(body);
    else response.write('{');
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/schema.json`);
}

test.each([
  ['/a b/%41#.cfg', '/x', 'file:///a%20b/%2541%23.cfg'],
  ['s.cfg', '/x', 'file:///x/s.cfg'],
  ['file:///a%20b', '/x', 'file:///a%20b'],
  ['HTTPS://h/é', '/x', 'https://h/%C3%A9'],
])('%s', (name, from, expected) => {
  expect(documentUrl(name, from).href).toBe(expected);
});

test('all documents together are within the limit of bytes', async () => {
  const [first, second] = [put('a', '"aaaaaaaa"'), put('b', '"bbbbbbbb"')];
  const both = open({ bytes: 15 });
  expect(await both.read(first)).toBe('aaaaaaaa');
  await expect(both.read(second)).rejects.toThrow('more than');
});

test('a file of the kernel, whose size is not known', async () => {
  await expect(open({ bytes: 1 }).read(documentUrl('/proc/self/maps', '/'))).rejects.toThrow(
    'more than',
  );
});

test('a body that is too long is not taken', async () => {
  const url = await serve(`{}${' '.repeat(1000)}`);
  await expect(open({ bytes: 500 }).read(url)).rejects.toThrow(/exceeded|more than/);
  await reader?.close();
  expect(await open().read(url)).toEqual({});
});

test('a server that never ends its answer', async () => {
  const url = await serve(undefined);
  await expect(open({ timeoutMs: 300 }).read(url)).rejects.toThrow(
    'its documents did not arrive within 0.3 s',
  );
});

test.each([
  ['missing', true],
  ['text/below', true],
  ['.', false],
])('%s is absent: %s', async (name, isAbsent) => {
  put('text', '1');
  await expect(open().read(documentUrl(name, folder))).rejects.toMatchObject({ isAbsent });
});

test('a document of a server may not refer to a file', async () => {
  const file = put('a', '1');
  const from = new URL('https://example.org/');
  await expect(open().read(file, from)).rejects.toThrow(
    'https://example.org/ may not refer to files of this machine',
  );
  expect(await open().read(file, file)).toBe(1);
});
