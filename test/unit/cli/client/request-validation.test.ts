/** `request` and the JSON schema of the software release (spec/cli.md 6.2). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleProgram } from '../../../support/bundle-slapos.ts';
import { computerDocument, type ProxyFixture, startProxy } from '../../../support/proxy-fixture.ts';
import { runSlapos } from '../../../support/run-slapos.ts';
import { startScriptedServer } from '../../../support/scripted-server.ts';

let proxy: ProxyFixture;
beforeEach(async () => {
  proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(3));
  file('client.cfg', `[slapos]\nmaster_url = ${proxy.url}\n`);
  file('software.cfg', '');
});
afterEach(() => proxy.close());

function file(name: string, content: unknown): string {
  const path = join(proxy.folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** The warnings and errors, and how it ended. */
async function request(...words: readonly string[]) {
  const argv = ['request', 'title', ...words, '--cfg', join(proxy.folder, 'client.cfg')];
  const { status, stdout, stderr } = await runSlapos(argv, { cwd: proxy.folder });
  const records = stderr.split(/^\d{4}-\S+ \S+ slapos\[42\] /m).slice(1);
  const told = records.filter((record) => /^(?:WARNING|ERROR)/.test(record));
  return { status, stdout, stderr, told: told.map((record) => record.trimEnd()) };
}

const parameters = async () => {
  const partition = { computerId: 'COMP-1', partitionId: 'slappart0' };
  return (await proxy.master.registerComputerPartition(partition)).parameters;
};

const SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema',
  type: 'object',
  additionalProperties: false,
  properties: {
    port: { type: 'integer', minimum: 1 },
    name: { type: 'string', format: 'hostname' },
  },
};

const RELEASE = {
  serialisation: 'json-in-xml',
  'software-type': {
    default: { request: 'schemas/input.json', index: 0 },
    flat: { request: 'schemas/input.json', serialisation: 'xml' },
    'default-slave': { 'software-type': 'default', shared: true, request: 'schemas/slave.json' },
  },
};

function release(document: unknown = RELEASE, schema: unknown = SCHEMA) {
  mkdirSync(join(proxy.folder, 'schemas'), { recursive: true });
  file('software.cfg.json', document);
  file('schemas/input.json', schema);
  file('schemas/slave.json', { type: 'object', required: ['domain'] });
}

const INVALID = 'WARNING Request parameters do not validate against schema definition:\n';
const FAILED = 'WARNING Error validating request parameters against schema definition: ';

test('problems are warnings; the request is sent', async () => {
  release();
  const path = file('p.json', { $schema: './input.json', port: '80', nane: 'x' });
  const { status, stderr, told } = await request('software.cfg', '--parameters-file', path);
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /INFO Validating request parameters for title as an instance of software.cfg \.\.\.\n/,
  );
  expect(told).toEqual([
    `${INVALID}  $: does not take 'nane' (did you mean 'name'?)\n  $.port: must be an integer, but is the text '80'`,
  ]);
  expect((await parameters())?.['_']).toContain('"port": "80"');
});

test('parameters in words are texts, with or without JSON in them', async () => {
  release();
  expect((await request('software.cfg', '--parameters', '_={"port": 80}')).told).toEqual([]);
  expect((await request('software.cfg', '--parameters', 'port=80')).told).toEqual([
    `${INVALID}  $.port: must be an integer, but is the text '80'`,
  ]);
  expect((await request('software.cfg', '--parameters', '_={')).told).toEqual([
    expect.stringContaining(`${FAILED}parameter '_' is not JSON: `),
  ]);
});

test('$schema is for editors: it is not sent where parameters are', async () => {
  release();
  const path = file('p.json', { $schema: './input.json', port: 80 });
  const flat = ['software.cfg', '--type', 'flat', '--parameters-file', path];
  expect((await request(...flat)).told).toEqual([]);
  expect(await parameters()).toMatchObject({ port: '80' });
  expect(await parameters()).not.toHaveProperty('$schema');
});

test('a shared instance has a schema of its own', async () => {
  release();
  await request('software.cfg');
  const slave = await request('software.cfg', '--slave', '--parameters', 'port=80');
  expect(slave.told).toEqual([`${INVALID}  $: needs 'domain'`]);
  const named = await request('software.cfg', '--slave', '--type', 'RootSoftwareInstance');
  expect(named.told[0]).toBe(`${INVALID}  $: needs 'domain'`);
});

test('--validate error requests nothing and looks at formats; off reads nothing', async () => {
  release();
  const words = ['software.cfg', '--parameters', '_={"name": "a b"}'];
  expect((await request(...words, '--dry-run')).told).toEqual([]);
  const { status, told } = await request(...words, '--validate', 'error');
  expect(status).toBe(1);
  expect(told).toEqual([
    `${INVALID}  $.name: must be a valid hostname, but is the text 'a b'`,
    expect.stringMatching(/^ERROR Nothing was requested,.*\[SLAPOS_ERR_PARAMETERS\]$/),
  ]);
  expect((await parameters())?.['instance_title']).toBeUndefined();
  expect((await request('software.cfg', '--validate', 'off', '--parameters', '_={')).told).toEqual(
    [],
  );
});

test('- is standard input', async () => {
  const { folder, program } = await bundleProgram('src/bin/slapos.ts');
  try {
    const words = ['request', 'title', 'software.cfg', '--force-serialisation', 'xml', '-n'];
    const argv = [...words, '--cfg', 'client.cfg', '--parameters-file', '-'];
    const stdout = execFileSync(process.execPath, [program, ...argv], {
      cwd: proxy.folder,
      input: '{"a": [1, 2.0]}',
      stdio: ['pipe', 'pipe', 'ignore'],
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toMatchObject({ partition_parameter_kw: { a: [1, 2] } });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('--dry-run shows what would be sent', async () => {
  const words = ['software.cfg', '--node', 'computer_guid=COMP-1', '--parameters', 'a=é', '-n'];
  const { status, stdout } = await request(...words);
  expect([status, JSON.parse(stdout)]).toEqual([
    0,
    {
      software_release: 'software.cfg',
      software_type: 'default',
      partition_reference: 'title',
      shared: false,
      partition_parameter_kw: { a: 'é' },
      filter_kw: { computer_guid: 'COMP-1' },
      state: null,
    },
  ]);
  expect((await parameters())?.['instance_title']).toBeUndefined();
});

test.each([
  ['{', 'software.cfg.json: it is not JSON'],
  [{ 'software-type': {} }, 'software.cfg.json: it describes no software type'],
  [
    { 'software-type': { defaults: {}, full: {} } },
    "software.cfg.json: it has no software type 'default'; did you mean defaults?",
  ],
  [
    { 'software-type': { default: {} } },
    "software.cfg.json: it names no schema for requests of software type 'default'",
  ],
  [
    { 'software-type': { default: { request: 'schemas/input.json' } } },
    'software.cfg.json does not say how parameters of type default are sent',
  ],
  [
    { serialisation: 'xml', 'software-type': { default: { request: 'none.json' } } },
    '/none.json: ENOENT',
  ],
  [
    { serialisation: 'xml', 'software-type': { default: { request: 'http://127.0.0.1:1/' } } },
    'http://127.0.0.1:1/: connect ECONNREFUSED',
  ],
  [
    { serialisation: 'xml', 'software-type': { default: { request: 'fifo' } } },
    '/fifo: it is not a regular file',
  ],
  [
    { serialisation: 'xml', 'software-type': { default: { request: 'data:,1' } } },
    'addresses that start with data: are not read',
  ],
])('a description that is wrong is one warning: %j', async (document, reason) => {
  release(document);
  execFileSync('mkfifo', [join(proxy.folder, 'fifo')]);
  const { status, told } = await request('software.cfg');
  expect(status).toBe(0);
  expect(told).toEqual([expect.stringContaining(reason)]);
  expect(told[0]).toContain(FAILED);
  expect(told[0]).not.toContain('\n');
});

test.each([
  [[], 'it is not a JSON schema, which is an object'],
  [{ properties: 1 }, 'properties'],
  ['x'.repeat(9 * 1024 * 1024), 'more than 8 MiB'],
])('a schema that is wrong is one warning', async (schema, reason) => {
  release(RELEASE, schema);
  const { status, told } = await request('software.cfg', '--parameters', 'a=1');
  expect(status).toBe(0);
  expect(told).toEqual([expect.stringContaining(reason)]);
  expect(told[0]).toMatch(/schemas\/input\.json: /);
});

test('documents from a server: relative addresses, no files, no endless chain', async () => {
  let asked = 0;
  const server = await startScriptedServer(({ target }) => {
    asked += 1;
    const json = (value: unknown) => ({ body: JSON.stringify(value) });
    if (target === '/r/software.cfg.json') return json(RELEASE);
    if (target === '/r/schemas/input.json') {
      const refs = ['file:///etc/passwd', '../chain/0', '../large'];
      return json({ allOf: [...refs.map(($ref) => ({ $ref })), { required: ['a'] }] });
    }
    if (target.startsWith('/r/chain/')) return json({ $ref: String(Number(target.slice(9)) + 1) });
    return target === '/r/large' ? { body: `{}${' '.repeat(9 * 1024 * 1024)}` } : { status: 404 };
  });
  try {
    const { status, told } = await request(`${server.url}r/software.cfg`);
    expect(status).toBe(0);
    const partly =
      'WARNING Request parameters are not wholly validated against schema definition: ';
    const base = `${server.url}r/`;
    expect(told).toEqual([
      `${partly}file:///etc/passwd cannot be used: ${base}schemas/input.json may not refer to files of this machine`,
      expect.stringContaining(`${partly}${base}large cannot be used: `),
      `${partly}${base}chain/97 cannot be used: more than 100 documents`,
      `${INVALID}  $: needs 'a'`,
    ]);
    expect(asked).toBeLessThan(110);
    const none = await request(`${server.url}other/software.cfg`, '--validate', 'error', '-n');
    expect([none.status, none.told]).toEqual([0, []]);
  } finally {
    await server.close();
  }
});
