/** `request` by our `slapos` and by upstream's at one proxy: same places, same exit status. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPeerPython } from '../support/peer-python.ts';
import { computerDocument, type ProxyFixture, startProxy } from '../support/proxy-fixture.ts';
import { runSlapos } from '../support/run-slapos.ts';

const peer = findPeerPython('slapos.cli.entry, slapos.util');
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const python = 'python' in peer ? peer.python : '';

const DRAFT_4 = 'http://json-schema.org/draft-04/schema#';
const DRAFT_6 = 'http://json-schema.org/draft-06/schema#';
const DRAFT_7 = 'http://json-schema.org/draft-07/schema';
const DRAFT_2019 = 'https://json-schema.org/draft/2019-09/schema';
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';

interface Scene {
  /** Of the software release: its description and what else is beside it. */
  readonly files: Readonly<Record<string, unknown>>;
  readonly parameters?: unknown;
  readonly words?: readonly string[];
}

function scene(schema: unknown, parameters?: unknown, serialisation = 'json-in-xml'): Scene {
  const types = { default: { request: 'input.json' } };
  const files = { 'software.cfg.json': { serialisation, 'software-type': types } };
  return { files: { ...files, 'input.json': schema }, parameters };
}

const SCENES: Readonly<Record<string, Scene>> = {
  'draft 4': scene(
    {
      $schema: DRAFT_4,
      properties: { a: { minimum: 3, exclusiveMinimum: true }, 'b-c': { type: 'string' } },
      required: ['d'],
    },
    { a: 3, 'b-c': 1 },
  ),
  'draft 6': scene({ $schema: DRAFT_6, contains: { type: 'string' }, const: 1 }, { a: 1 }),
  'draft 7': scene(
    {
      $schema: DRAFT_7,
      if: { properties: { a: { const: 1 } } },
      ...Object.fromEntries([['then', { required: ['b'], properties: { c: { not: {} } } }]]),
    },
    { a: 1, c: 1 },
  ),
  'draft 2019-09': scene(
    {
      $schema: DRAFT_2019,
      dependentRequired: { a: ['b', 'c'] },
      properties: { a: { $ref: '#/$defs/n', maximum: 1 } },
      $defs: { n: { type: 'integer' } },
      unevaluatedProperties: false,
    },
    { a: 2, x: 1, y: 2 },
  ),
  'draft 2020-12': scene(
    { $schema: DRAFT_2020, properties: { a: { prefixItems: [{ type: 'string' }], items: false } } },
    { a: [1, 2] },
  ),
  'no draft': scene({ properties: { a: { prefixItems: [{ type: 'string' }] } } }, { a: [1] }),
  'unknown keys': scene({ additionalProperties: false, properties: { a: {} } }, { b: 1, c: 2 }),
  alternatives: scene(
    { properties: { a: { oneOf: [{ required: ['x'] }, { required: ['y'] }, { type: 'null' }] } } },
    { a: {} },
  ),
  'all is well': scene({ $schema: DRAFT_7, required: ['a'] }, { a: 1 }),
  '$schema of the parameters': scene({ additionalProperties: false }, { $schema: './input.json' }),
  'references between files': {
    files: {
      ...scene({ $ref: 'sub/common.json#/definitions/all' }).files,
      'sub/common.json': {
        definitions: { all: { properties: { a: { $ref: 'types.json#/definitions/port' } } } },
      },
      'sub/types.json': { definitions: { port: { type: 'integer' } } },
    },
    parameters: { a: 'x' },
  },
  'texts, not JSON': scene({ properties: { a: { type: 'integer' } } }, { a: '1' }, 'xml'),
  words: {
    ...scene({ properties: { a: { type: 'integer' } } }),
    words: ['--parameters', 'a=1'],
  },
  'JSON in words': {
    ...scene({ properties: { a: { type: 'integer' } } }),
    words: ['--parameters', '_={"a": "1"}'],
  },
  'no JSON in words': { ...scene({ required: ['a'] }), words: ['--parameters', '_={'] },
  'formats are not looked at': scene({ properties: { a: { format: 'ipv4' } } }, { a: 'x' }),
  'no description': { files: {} },
  'no description, but a file': { files: {}, parameters: { a: 1 } },
  'description that is no JSON': { files: { 'software.cfg.json': '{' } },
  'unknown type': { ...scene({ required: ['a'] }), words: ['--type', 'other'] },
  'former name of the default type': {
    ...scene({ required: ['a'] }),
    words: ['--type', 'RootSoftwareInstance'],
  },
  'schema that is missing': {
    files: { 'software.cfg.json': { serialisation: 'xml', 'software-type': { default: {} } } },
  },
  'schema that is no JSON': scene('{', { a: 1 }),
  'type that does not exist': scene({ type: 'strange' }, { a: 1 }),
  'serialisation that is unknown': scene({ required: ['a'] }, undefined, 'yaml'),
  'list of parameters': scene({}, [1]),
  'forced to texts': {
    ...scene({ properties: { a: { type: 'string' } } }, { a: 1 }),
    words: ['--force-serialisation', 'xml'],
  },
};

const PATH = /^ {2}(\$(?:\.\w+|\[\d+\]|\['(?:[^'\\]|\\.)*'\])*): /gm;

/** Ours, and upstream's three; that a release has no description is not worth a warning to us. */
const UNCHECKED =
  /Error validating request parameters|No schema defined|Unable to load JSON file:(?!.*software\.cfg\.json \(FileNotFound)/;

/** What both say in words of their own: where, or that nothing could be checked. */
function summarise({ status, stderr }: { readonly status: number; readonly stderr: string }) {
  const paths = [...stderr.matchAll(PATH)].map((match) => match[1]).sort();
  return { status, paths, isUnchecked: UNCHECKED.test(stderr) };
}

describe.skipIf(note !== '')(`request with schemas${note}`, () => {
  let proxy: ProxyFixture;
  const lines = new Map<string, readonly string[]>();
  const upstream = new Map<string, { status: number; stderr: string }>();

  beforeAll(async () => {
    proxy = await startProxy();
    await proxy.master.loadComputerConfiguration(computerDocument(1));
    writeFileSync(join(proxy.folder, 'client.cfg'), `[slapos]\nmaster_url = ${proxy.url}\n`);
    for (const [name, given] of Object.entries(SCENES)) lines.set(name, write(name, given));
    const answers = await runUpstream([...lines.values()]);
    [...lines.keys()].forEach((name, index) => {
      upstream.set(name, answers[index] ?? { status: -1, stderr: '' });
    });
  });
  afterAll(() => proxy.close());

  /** Writes the release of a scene and gives the command line. */
  function write(name: string, { files, parameters, words = [] }: Scene): readonly string[] {
    const folder = join(proxy.folder, name);
    const put = (file: string, content: unknown) => {
      const path = join(folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    };
    const software = put('software.cfg', '');
    for (const [file, content] of Object.entries(files)) put(file, content);
    const file = parameters === undefined ? [] : ['--parameters-file', put('p.json', parameters)];
    const config = ['--cfg', join(proxy.folder, 'client.cfg')];
    return ['request', 'title', software, ...words, ...file, ...config];
  }

  async function runUpstream(given: readonly (readonly string[])[]) {
    const program = join(import.meta.dirname, '..', 'support', 'upstream-commands.py');
    const child = spawn(python, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(JSON.stringify(given));
    return JSON.parse(await text(child.stdout)) as { status: number; stderr: string }[];
  }

  test.each(Object.keys(SCENES))('%s', async (name) => {
    const ours = await runSlapos(lines.get(name) ?? [], { cwd: proxy.folder });
    const theirs = upstream.get(name) ?? { status: -1, stderr: '' };
    const said = `ours:\n${ours.stderr}\nupstream:\n${theirs.stderr}`;
    expect(summarise(ours), said).toEqual(summarise(theirs));
  });
});
