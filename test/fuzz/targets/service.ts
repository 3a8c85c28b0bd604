/** What services, terminals, schemas and operators send: output in pieces, keys, forms, words. */

import { parsePairs } from '../../../src/cli/client/parameters.ts';
import { parseCertificateList } from '../../../src/config/binary-cache-options.ts';
import { parseCpuMax, parseMemoryMax, parsePidsMax } from '../../../src/config/service-settings.ts';
import { parsePeriodicity } from '../../../src/instance/decide.ts';
import { parseCacheUrl } from '../../../src/networkcache/http.ts';
import { parseRoute, renderRoute } from '../../../src/panel/page/route.ts';
import { joinPointer, lookUp, readSchema, replaceAt } from '../../../src/panel/page/schema.ts';
import { checkValue } from '../../../src/panel/page/schema-check.ts';
import { visibleText } from '../../../src/panel/page/visible-text.ts';
import { softwareName } from '../../../src/panel/page/words.ts';
import { findCookies, isSession } from '../../../src/panel/session.ts';
import { parseConfiguration } from '../../../src/proxy/computer.ts';
import { parseSlaves } from '../../../src/proxy/documents.ts';
import { HttpProblem } from '../../../src/proxy/http-problem.ts';
import { checkExtent } from '../../../src/proxy/marshal-bounds.ts';
import { searchPasswords } from '../../../src/proxy/postgres/pgpass.ts';
import { parsePostgresUri } from '../../../src/proxy/postgres/postgres-uri.ts';
import { planFile } from '../../../src/proxy/web/file-plan.ts';
import { parsePartition, parseRequestAnswer } from '../../../src/slap/answers.ts';
import { parseFormat } from '../../../src/slap/format-document.ts';
import { parseInstance } from '../../../src/slap/instance-information.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import { parseServerUrl } from '../../../src/supervisor/client.ts';
import { parseTypedLine } from '../../../src/supervisor/ctl/typed-line.ts';
import { decodeListenerNote, decodePoolMemory } from '../../../src/supervisor/event/event-notes.ts';
import { lastLine } from '../../../src/supervisor/output/log-line.ts';
import { OutputFilter, type OutputPart } from '../../../src/supervisor/output/output-filter.ts';
import { parseKeys, splitUnfinished } from '../../../src/top/keys.ts';
import { parseMachineLoad } from '../../../src/top/machine-load.ts';
import {
  decodeOrRefuse,
  ensure,
  ensureSame,
  type FuzzTarget,
  gives,
  textTarget,
} from '../driver/target.ts';

const CAPTURE_BYTES = 64;
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
const OBEYED = /[\x00-\x1f\x7f-\x9f\u2028\u202e]/;

/** What goes where, however often it was cut: log, captured text, communications. */
function filterOutput(pieces: readonly Buffer[], isAnsiStripped: boolean): readonly string[] {
  const filter = new OutputFilter({ captureMaxBytes: CAPTURE_BYTES, isAnsiStripped });
  const parts: OutputPart[] = pieces.flatMap((piece) => filter.push(piece));
  parts.push(...filter.end());
  const joined = (kind: OutputPart['kind'], by: string) =>
    parts
      .filter((part) => part.kind === kind)
      .map(({ data }) => data.toString('latin1'))
      .join(by);
  return [joined('log', ''), joined('captured', ''), joined('communication', '\0')];
}

function parseKeysInPieces(text: string): readonly unknown[] {
  const at = Math.floor(text.length / 2);
  const first = splitUnfinished(text.slice(0, at));
  return [...parseKeys(first.ready), ...parseKeys(first.rest + text.slice(at))];
}

const SCHEMA = JSON.stringify({
  schema: {
    type: 'object',
    properties: {
      a: { $ref: '#/definitions/x' },
      b: { type: 'array', items: { enum: [1, null] }, minItems: 1 },
      c: { oneOf: [{ type: 'string', maxLength: 2 }, { $ref: '#' }] },
    },
    required: ['a'],
    additionalProperties: false,
    definitions: {
      x: {
        allOf: [
          { type: 'integer', minimum: 1 },
          { title: 't', default: 3 },
        ],
      },
    },
  },
  value: { a: 1, b: [1, 2], c: { a: 'x' } },
});

/** As the form does: every part that can be reached is read once. */
function visitSchema(schema: ReturnType<typeof readSchema>, left: { parts: number }): void {
  if (left.parts <= 0) return;
  left.parts -= 1;
  const { items, others, properties, variants } = schema;
  for (const part of [...variants, ...properties.values()]) visitSchema(part, left);
  for (const part of [items, others]) if (part !== undefined) visitSchema(part, left);
}

const TARGET = { host: 'db.example.com', port: 5432, database: 'd', user: 'u' };
const FILE = { sizeBytes: 1000, modifiedMs: 1_700_000_000_000, etag: '"abc"' };
const PASSWORD = 'Zq7-never-told';

/** @returns the message of a refusal, which must not tell a password */
function refusalOf(decode: () => unknown): string {
  try {
    decode();
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const targets: readonly FuzzTarget[] = [
  {
    name: 'service-output',
    shape: 'bytes',
    seeds: [
      'a<!--XSUPERVISOR:BEGIN-->event<!--XSUPERVISOR:END-->b\n',
      '\x1b[31mred\x1b[0m \x1b[2;5Hplace\x1b[?25l <!--XSUPERVISOR:BEGIN-->open',
    ],
    words: ['<!--XSUPERVISOR:BEGIN-->', '<!--XSUPERVISOR:END-->', '\x1b[', '<!--XSUPER'],
    run(input) {
      const bytes = Buffer.from(input);
      const at = Math.floor(bytes.length / 3);
      for (const isAnsiStripped of [false, true]) {
        const whole = filterOutput([bytes], isAnsiStripped);
        const cut = filterOutput([bytes.subarray(0, at), bytes.subarray(at)], isAnsiStripped);
        // An escape sequence that goes on for more than 64 bytes is none when it is cut there.
        if (!isAnsiStripped) ensureSame(cut, whole, 'in two pieces');
        ensure(
          whole[2]?.split('\0').every((text) => text.length <= bytes.length) ?? true,
          'too long',
        );
      }
      ensure(!OBEYED.test(lastLine(bytes.toString('utf8'), true)), 'what a terminal would obey');
    },
  },
  textTarget({
    name: 'terminal-keys',
    shape: 'bytes',
    seeds: ['\x1b[A\x1b[5~q\x1bOP\x1b', 'é\r\x03\x1b[1;5C\x1b[<0;1;1M'],
    run(text) {
      for (const key of parseKeys(text)) {
        if (typeof key === 'object') ensure(!/\p{Cc}/u.test(key.typed), 'a control was typed');
      }
      parseKeysInPieces(text);
      const typed = parseTypedLine(text);
      ensure(typed === undefined || typed.text !== '', 'an empty line');
    },
  }),
  textTarget({
    name: 'page-schema',
    shape: 'json',
    maxBytes: 2048,
    seeds: [SCHEMA],
    words: ['anyOf', 'patternProperties', 'exclusiveMinimum', 'const', '#/', '#/schema', '~1', '%'],
    run(text) {
      const document = gives(() => JSON.parse(text) as unknown, [SyntaxError]);
      if (typeof document !== 'object' || document === null) return;
      const { schema: source, value } = document as { schema?: unknown; value?: unknown };
      const schema = readSchema(source);
      visitSchema(schema, { parts: 200 });
      for (const [pointer, mistake] of checkValue(schema, value)) {
        ensure(pointer === '' || pointer.startsWith('/'), pointer);
        ensure(typeof mistake === 'string' && mistake !== '', 'a mistake of no words');
      }
      const pointer = joinPointer('', text.slice(0, 5));
      ensureSame(lookUp(replaceAt({}, pointer, 1), pointer), 1, 'put there');
    },
  }),
  textTarget({
    name: 'page-texts',
    shape: 'bytes',
    seeds: ['#/instance/SOFTINST-1', '#/partition/COMP-1/slappart0', 'https://e/a/software.cfg?x'],
    run(text) {
      const route = parseRoute(text);
      ensureSame(parseRoute(renderRoute(route)), route, 'route');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
      ensure(!/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]/.test(visibleText(text)), 'unseen');
      softwareName(text);
      for (const cookie of findCookies(text, 'a')) {
        ensure(!isSession(cookie, 'token', 'who', 1_700_000_000_000), 'a session of nobody');
      }
    },
  }),
  textTarget({
    name: 'file-ranges',
    shape: 'lines',
    seeds: ['bytes=0-4\n"abc"\nWed, 21 Oct 2026 07:28:00 GMT', 'bytes=-5\n\n', 'bytes=999-\n*\n'],
    run(text) {
      const [range = '', tag = '', time = ''] = text.split('\n');
      for (const headers of [
        { range },
        { range, 'if-range': tag },
        { 'if-none-match': tag, range },
        { 'if-modified-since': time, range },
      ]) {
        const plan = planFile(headers, FILE);
        const { endBytes, startBytes, status } = plan;
        ensure(startBytes >= 0 && endBytes <= FILE.sizeBytes && startBytes <= endBytes, 'a part');
        ensure(status !== 206 || startBytes < endBytes, 'a part of nothing');
      }
    },
  }),
  textTarget({
    name: 'database-addresses',
    shape: 'lines',
    seeds: [
      `postgres://u:${PASSWORD}@db.example.com:5432/d?schema=slapos&sslmode=require`,
      'postgresql:///d?host=/var/run/postgresql&options=-c%20x',
      `db.example.com:5432:d:u:${PASSWORD}\n*:*:*:u\\:x:p\n# c`,
    ],
    words: ['passfile=', 'connect_timeout=', 'pool_size=', '%', '[::1]', '?password='],
    run(text) {
      const refusal = refusalOf(() =>
        decodeOrRefuse(() => parsePostgresUri(text, () => 'me'), ['SLAPOS_ERR_DATABASE']),
      );
      ensure(refusal === '', refusal);
      const told = refusalOf(() => parsePostgresUri(text, () => 'me'));
      // Elsewhere nobody knows that it is one.
      const isPassword = new RegExp(`^postgres(ql)?://[^/?#@:]*:${PASSWORD}@`).test(text);
      if (text.split(PASSWORD).length > 2) return;
      ensure(!isPassword || !told.includes(PASSWORD), `a password is told: ${told}`);
      searchPasswords(text, TARGET);
      for (const decode of [parseCacheUrl, parseServerUrl]) {
        gives(() => decodeOrRefuse<unknown>(() => decode(text)), [TypeError]);
      }
    },
  }),
  textTarget({
    name: 'option-words',
    shape: 'lines',
    seeds: ['a=b\nc=d=e', '50%\n2.5\nmax', '512M\n100', 'https://a/*\n !https://b/'],
    run(text) {
      decodeOrRefuse(() => parsePairs(text.split('\n'), '--parameters'), ['SLAPOS_ERR_USAGE']);
      for (const word of text.split('\n')) {
        for (const parse of [parseCpuMax, parseMemoryMax, parsePidsMax]) {
          const limit = parse(word);
          ensure(limit === undefined || /^(?:max|\d+)( \d+)?$/.test(limit), `a limit ${limit}`);
        }
        const periodS = parsePeriodicity(word);
        ensure(!Number.isNaN(periodS), 'a period');
      }
      parseCertificateList(text);
      const texts = { loadavg: text, meminfo: text, cpuPressure: text };
      parseMachineLoad({ ...texts, memoryPressure: text, ioPressure: text });
    },
  }),
  textTarget({
    name: 'event-notes',
    shape: 'lines',
    seeds: [
      'event:g:4={"serial": 5, "name": "TICK_5", "payload": "x"}\nserial:g=5 4',
      'event:g:x=null\nlistener:g:a=BUSY 4',
    ],
    run(text) {
      const notes = new Map(
        text.split('\n').map((line): [string, string] => {
          const at = line.indexOf('=');
          return [line.slice(0, at), line.slice(at + 1)];
        }),
      );
      const { events, poolSerial, serial } = decodePoolMemory(notes, 'g');
      ensure(!Number.isNaN(serial) && !Number.isNaN(poolSerial), 'a serial is no number');
      for (const { event } of events) {
        ensure(typeof event.name === 'string' && typeof event.payload === 'string', 'no event');
      }
      const { poolSerial: heard, state } = decodeListenerNote(text);
      ensure(!Number.isNaN(heard ?? 0), 'a serial is no number');
      ensure(['ACKNOWLEDGED', 'READY', 'BUSY', 'UNKNOWN'].includes(state), `a state ${state}`);
    },
  }),
  textTarget({
    name: 'proxy-documents',
    shape: 'xml',
    seeds: [
      '<marshal><dictionary id="i2"><string>reference</string><string>COMP-1</string><string>address</string><none/><string>netmask</string><string>255.0.0.0</string><string>partition_list</string><list id="i3"><dictionary id="i4"><string>reference</string><string>slappart0</string><string>address_list</string><list id="i5"><dictionary id="i6"><string>addr</string><string>10.0.0.1</string><string>netmask</string><string/></dictionary></list><string>tap</string><dictionary id="i7"><string>name</string><string>tap0</string></dictionary></dictionary></list></dictionary></marshal>',
      '<marshal><list id="i2"><dictionary id="i3"><string>slave_title</string><string>a</string></dictionary></list></marshal>',
      '<marshal><object id="i2" module="slapos.slap.slap" class="ComputerPartition"><tuple><string>C</string><string>p</string></tuple><dictionary id="i3"><string>_parameter_dict</string><dictionary id="i4"><string>ip_list</string><list id="i5"><tuple><string/><string>::1</string></tuple></list><string>slave_instance_list</string><list id="i6"/></dictionary></dictionary></object></marshal>',
    ],
    run(text) {
      const value = decodeOrRefuse(() => decodeMarshal(text), ['SLAPOS_ERR_SLAP_XML']);
      if (value === undefined) return;
      // Before anything else is done with what a client sent.
      const isBounded = () => {
        checkExtent(value, 'it');
        return true;
      };
      if (gives(isBounded, [HttpProblem]) === undefined) return;
      gives(() => parseConfiguration(value), [HttpProblem]);
      decodeOrRefuse(() => parseFormat(text), ['SLAPOS_ERR_SLAP_XML']);
      parseSlaves(text);
      const partition = decodeOrRefuse(() => parsePartition(value));
      if (partition !== undefined) parseInstance(partition);
      decodeOrRefuse(() => parseRequestAnswer(value));
    },
  }),
];
