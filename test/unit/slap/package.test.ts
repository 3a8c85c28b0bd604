/** What `npm pack` makes, used as a program of somebody else uses it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProgram, installPackedLibrary, runProgram } from '../../support/packed-library.ts';
import {
  computerDocument,
  type ProxyFixture,
  SOFTWARE,
  startProxy,
} from '../../support/proxy-fixture.ts';

let proxy: ProxyFixture;
let library: ReturnType<typeof installPackedLibrary>;

beforeAll(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(2));
  library = installPackedLibrary();
});

afterAll(async () => {
  library.remove();
  await proxy.close();
});

const run = (name: string, text: string) =>
  runProgram(library.program, name, text, { MASTER_URL: proxy.url });

const STORY = `
const slap = new Slap({ masterUrl: process.env.MASTER_URL, transport });
const request = { softwareRelease: '${SOFTWARE}', title: 'web' };
slap.registerOpenOrder().request(request).then(async (answer) => {
  console.log(answer.state, answer.partition.partitionId);
  const failure = await slap.registerComputerPartition('COMP-1', 'none').getInstance()
    .catch((error) => error);
  console.log(failure.code, isSlaposError(failure), isMasterError(failure));
  await slap.close();
  const { sharedObjects } = process.report.getReport();
  console.log(sharedObjects.filter((path) => path.endsWith('.node')));
});
`;
const TOLD = 'started slappart0\nSLAPOS_ERR_MASTER_NOT_FOUND true true\n[]\n';

test('an ES module imports it by name', async () => {
  const text = `import { Slap, isMasterError, isSlaposError } from 'slapos-node';
    const transport = 'xml';${STORY}`;
  expect(await run('program.mjs', text)).toEqual({ status: 0, output: TOLD });
});

test('a CommonJS module requires it', async () => {
  const text = `const { Slap, isMasterError, isSlaposError } = require('slapos-node');
    const transport = 'json-rpc';${STORY}`;
  expect(await run('program.cjs', text)).toEqual({ status: 0, output: TOLD });
});

test('both have the same class, and nothing but what is meant to be there', async () => {
  const text = `import * as library from 'slapos-node';
    import { createRequire } from 'node:module';
    const required = createRequire(import.meta.url)('slapos-node');
    console.log(required.Slap === library.Slap, Object.keys(required).sort().join());`;
  const output = 'true Slap,isMasterError,isSlaposError\n';
  expect(await run('same.mjs', text)).toEqual({ status: 0, output });
});

test('nothing is loaded or connected before a call', async () => {
  const text = `const { Slap } = require('slapos-node');
    new Slap({ masterUrl: 'http://192.0.2.1/' }).registerComputer('COMP-1');
    console.log(Object.keys(require.cache).filter((path) => path.includes('http-transport')));
    console.log(process.getActiveResourcesInfo().filter((name) => /TCP|DNS/.test(name)));`;
  expect(await run('idle.cjs', text)).toEqual({ status: 0, output: '[]\n[]\n' });
});

test('internals cannot be imported', async () => {
  const text = `import('slapos-node/dist/slap/http-transport.js').catch((error) => console.log(error.code));`;
  const output = 'ERR_PACKAGE_PATH_NOT_EXPORTED\n';
  expect(await run('inside.mjs', text)).toEqual({ status: 0, output });
});

const TYPED = `
const slap = new Slap({ masterUrl: 'https://[::1]/', transport: 'json-rpc', retries: { maxRetries: 0 } });
export async function use(signal: AbortSignal): Promise<string> {
  const answer = await slap.registerOpenOrder().request(
    { softwareRelease: 'https://example.com/software.cfg', title: 'web', parameters: { n: 1 } },
    { signal, timeoutMs: 1000 },
  );
  // @ts-expect-error: it is not known to be ready.
  answer.partition;
  if (!answer.isReady) return answer.title;
  const instance: InstanceInformation = await answer.partition.getInstance();
  const found = await slap.rpc.call('slapos.get.v0.software_instance', { instance_guid: 'g' });
  // @ts-expect-error: this method takes a guid.
  await slap.rpc.call('slapos.get.v0.software_instance', {});
  // @ts-expect-error: no such state.
  await slap.registerSupply().supply('https://example.com/', 'COMP-1', 'started');
  return found.title + (instance.connectionParameters['url'] ?? '');
}
export function tell(error: unknown): string {
  if (isMasterError(error) && error.isRetryable) return error.code;
  return isSlaposError(error) && error.code === 'SLAPOS_ERR_CANCELLED' ? 'cancelled' : '';
}
`;

test.each([
  [
    'typed.mts',
    `import { type InstanceInformation, isMasterError, isSlaposError, Slap } from 'slapos-node';`,
  ],
  [
    'typed.cts',
    `import { type InstanceInformation, isMasterError, isSlaposError, Slap } from 'slapos-node';`,
  ],
])('a strict compiler takes its types: %s', (name, head) => {
  expect(compileProgram(library.program, name, head + TYPED)).toBe('');
});

test('the types are those of the library, and a wrong use is an error', () => {
  const text = `import { Slap } from 'slapos-node';
    new Slap({ masterUrl: 1 });
    new Slap({ masterUrl: '', transport: 'soap' });`;
  const told = compileProgram(library.program, 'wrong.mts', text);
  expect(told.match(/error TS\d+/g)).toEqual(['error TS2322', 'error TS2322']);
});

describe('docs/slap-library.md', () => {
  const EXAMPLE = /```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g;
  const page = readFileSync(join(import.meta.dirname, '../../../docs/slap-library.md'), 'utf8');
  const examples = [...page.matchAll(EXAMPLE)];

  test('each example says what it prints', () => {
    expect(examples).toHaveLength(page.split('```js').length - 1);
    expect(examples.length).toBeGreaterThan(5);
  });

  test('the examples, one after another, print that', async () => {
    const own = await startProxy();
    await own.master.loadComputerConfiguration(computerDocument(2));
    const told: string[] = [];
    for (const [index, [, text = '']] of examples.entries()) {
      const name = `example-${index}.${text.includes('require(') ? 'cjs' : 'mjs'}`;
      told.push((await runProgram(library.program, name, text, { MASTER_URL: own.url })).output);
    }
    await own.close();
    expect(told).toEqual(examples.map(([, , output]) => output));
  });
});

test('the package holds the library and its types', () => {
  expect(library.files).toEqual(
    expect.arrayContaining([
      'dist/index.js',
      'dist/slap/http-transport.js',
      'dist/slap/http-transport.code.js',
      'dist/types/index.d.ts',
      'README.md',
    ]),
  );
});
