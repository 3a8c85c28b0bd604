/** Parameter files of any content arrive in the proxy as upstream's `request` would have sent them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readParameterFile } from '../../src/cli/client/parameter-file.ts';
import { serialiseParameters } from '../../src/cli/client/parameters.ts';
import { encodeInstanceXml } from '../../src/slap/instance-xml.ts';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalValue } from '../../src/slap/marshal-value.ts';
import type { Serialisation } from '../../src/slap/software-schema.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { xmlTexts } from '../support/marshal-values.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

const peer = findPeerPython('slapos.cli.request, slapos.util');
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const python = 'python' in peer ? peer.python : '';

/** What upstream's slapproxy stores of each file, for each serialisation. */
const STORED = `
import json, sys, warnings
warnings.simplefilter('ignore')
from xml_marshaller import xml_marshaller
from slapos.cli.request import getParametersFromFile
from slapos.util import SoftwareReleaseSerialisation, dict2xml
result = []
for path, serialisation in json.load(sys.stdin):
  with open(path, encoding='utf-8', newline='') as file:
    sent = getParametersFromFile(file, SoftwareReleaseSerialisation(serialisation))
  result.append(dict2xml(xml_marshaller.loads(xml_marshaller.dumps(sent))))
json.dump(result, sys.stdout)
`;

async function store(path: string, serialisation: Serialisation): Promise<string> {
  const { values, isXml } = await readParameterFile(path);
  const sent = serialiseParameters(values, isXml ? 'xml' : serialisation);
  return encodeInstanceXml(decodeMarshal(encodeMarshal(sent)) as Record<string, MarshalValue>);
}

/** Numbers as people write them, which no JavaScript number is. */
const numbers = fc.oneof(
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toExponential()),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom(
    '1.0',
    '-0',
    '-0.0',
    '1E400',
    'NaN',
    '-Infinity',
    '0.1e-7',
    '1e16',
    '12345678901234567890.5',
  ),
);

/** Text of a JSON object with repeated keys, keys like numbers, escapes and odd spaces. */
function jsonTexts(): fc.Arbitrary<string> {
  const strings = xmlTexts().map((value) => {
    return JSON.stringify(value).replace(/[a-z\u0080-\uffff]/g, (letter) => {
      return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
  });
  const texts = fc.oneof(
    strings,
    xmlTexts().map((value) => JSON.stringify(value)),
  );
  const keys = fc.oneof(texts, fc.constantFrom('"2"', '"10"', '"a"', '"__proto__"'));
  const spaces = fc.constantFrom('', ' ', '\n', '\t\r\n');
  const { value, object } = fc.letrec<{ value: string; object: string }>((tie) => ({
    object: fc
      .array(fc.tuple(spaces, keys, spaces, tie('value')), { maxLength: 4 })
      .map((pairs) => `{${pairs.map(([a, key, b, item]) => `${a}${key}${b}:${item}`).join(',')}}`),
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('null', 'true', 'false'),
      numbers,
      texts,
      fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' ,')}]`),
      tie('object'),
    ),
  }));
  const notLone = fc.tuple(object, value).map(([first, other]) => {
    const rest = first.slice(1);
    return `{"first":${other}${rest === '}' ? '' : ','}${rest}`;
  });
  return fc.oneof(object, notLone);
}

/** Plain scalars of YAML that look like something. */
const YAML_SCALARS =
  `y n yes No ON off true ~ null 1 -1 +1 010 0o10 08 0x1F 0b101 1_000 1:30 1:30.5 190:20:30
  1e5 1.e+5 1.5e5 1.5e+5 .5 -.5 5. 1_0.5 .inf -.INF .NaN .nan 0.0 -0.0 0 00 0x 0b 1__0 _1 1. +.5 1:60 01:30
  12345678901234567890 1.2.3 0.10 é a:b a#b <&>`.split(/\s+/);

describe.skipIf(note !== '')(`parameters of files arrive as upstream sends them${note}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-values-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function compare(
    extension: string,
    texts: readonly string[],
    ways: readonly Serialisation[] = ['xml', 'json-in-xml'],
  ): Promise<void> {
    const given = texts.flatMap((text, index) => {
      const path = join(folder, `${index}${extension}`);
      writeFileSync(path, text);
      return ways.map((serialisation) => [path, serialisation] as const);
    });
    const expected = runPython(python, STORED, given) as string[];
    for (const [index, [path, serialisation]] of given.entries()) {
      const text = texts[Math.floor(index / ways.length)];
      expect(await store(path, serialisation), text).toBe(expected[index]);
    }
  }

  test('JSON', () => compare('.json', fc.sample(jsonTexts(), { numRuns: 500, seed: 6 })));

  test('YAML', async () => {
    const documents = YAML_SCALARS.map((scalar) => `a: ${scalar}\nb: [${scalar}, "${scalar}"]\n`);
    await compare('.yaml', [
      ...documents,
      'a: |\n  line\n\n   more <&>\nb: >-\n  folded\n  text\n',
      "a: 'it''s'\nb: \"\\u00e9\\x41\\n\"\n",
      'a: &x [1, {b: 2}]\nc: *x\nd: {<<: {e: 1}}\n',
      'a: !!str 1\nb: !!int "5"\nd: !!str yes\n',
      '# only\n---\na: 1\n...\n',
      'a: 1\nb: 2\na: 3\n',
    ]);
    // Keys that are no texts become texts; upstream sends what Python makes of them.
    await compare('.yml', ['a: {yes: x, 3: x, 2.0: x, ~: x, 010: x, y: x}\n'], ['json-in-xml']);
  });

  test('XML', async () => {
    const texts = fc.sample(fc.dictionary(xmlTexts(), xmlTexts(), { maxKeys: 4 }), {
      numRuns: 200,
      seed: 6,
    });
    await compare('.xml', [
      ...texts.map((values) => encodeInstanceXml(values)),
      '<i><parameter id="a">x<b/>y</parameter><other id="c">1</other><parameter id="a">2</parameter></i>',
      '<i><parameter id="a">1<!-- c -->2</parameter><b><parameter id="d">3</parameter></b></i>',
      '<i><parameter id="a"><![CDATA[<&>]]> &#233;&amp;</parameter></i>',
    ]);
  });
});
