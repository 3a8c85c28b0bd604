/** JSON: of Masters, of caches, of partitions, and of our own files. */
import { decodeLook } from '../../../src/collect/last-look.ts';
import { parseJournal, renderJournal } from '../../../src/format/uplink-journal.ts';
import { parseKeptDocument } from '../../../src/grid/kept-document.ts';
import { parseKeptAnswer } from '../../../src/instance/kept-answer.ts';
import { parseToldStates } from '../../../src/instance/told-states.ts';
import { parseDiskRequests } from '../../../src/manager/disks.ts';
import { parseRedirections, renderRedirection } from '../../../src/manager/redirections.ts';
import {
  chooseBinaries,
  parseBinaryClaim,
  parseBinaryEntry,
  parseEntries,
  parseSourceEntry,
} from '../../../src/networkcache/entry.ts';
import {
  mayBang,
  parseBangState,
  renderBangState,
  withBang,
} from '../../../src/promise/bang-state.ts';
import { parseEggMemory } from '../../../src/promise/egg-memory.ts';
import { parsePromiseCache, renderPromiseCache } from '../../../src/promise/promise-cache.ts';
import { parseToldResult } from '../../../src/promise/promise-result.ts';
import { parseRunnerReport } from '../../../src/promise/runner-report.ts';
import { HttpProblem } from '../../../src/proxy/http-problem.ts';
import { checkExtent } from '../../../src/proxy/marshal-bounds.ts';
import { parseExactJson, renderExactJson } from '../../../src/proxy/rpc-json.ts';
import { parseEntryList, withEntry } from '../../../src/proxy/web/entry-list.ts';
import { decodeCredentials } from '../../../src/register/answer.ts';
import {
  decodeAnswer,
  decodeNote,
  encodeAnswer,
  encodeNote,
} from '../../../src/register/kept-answer.ts';
import { decodeRenewal } from '../../../src/register/renew.ts';
import { partitionOf } from '../../../src/slap/json-rpc-partition.ts';
import { findMisshape, RPC_METHOD_NAMES } from '../../../src/slap/json-rpc-shapes.ts';
import { parseJsonText } from '../../../src/slap/json-text.ts';
import { parsePythonJson, renderPythonJson } from '../../../src/slap/python-json.ts';
import {
  decodeOrRefuse,
  ensure,
  ensureSame,
  type FuzzTarget,
  gives,
  textTarget,
} from '../driver/target.ts';

function parseJson(text: string): unknown {
  return gives(() => JSON.parse(text) as unknown, [SyntaxError]);
}

/** As bodies are looked at before they are read exactly. */
function isBounded(value: unknown): boolean {
  const check = () => {
    checkExtent(value as never, 'it');
    return true;
  };
  return gives(check, [HttpProblem]) ?? false;
}

const INSTANCE = JSON.stringify({
  ...{
    title: 'a',
    instance_guid: 'SOFTINST-1',
    software_release_uri: 'http://x/',
    software_type: 'default',
  },
  ...{ state: 'started', connection_parameters: { url: 'x' }, parameters: { a: 1 }, shared: false },
  ...{ root_instance_title: 'a', ip_list: [['', '::1']], full_ip_list: [], sla_parameters: {} },
  ...{ computer_guid: 'COMP-1', compute_partition_id: 'slappart0', processing_timestamp: 1 },
  access_status_message: '#access ok',
});
const RESULT = JSON.stringify({
  result: { type: 'Test Result', failed: false, message: 'ok', date: '2026-11-20T23:32:12+0000' },
  path: '/srv/slapgrid/slappart0/etc/plugin/a.py',
  name: 'a.py',
  title: 'a',
  'execution-time': 0.1,
});
const CACHE = renderPromiseCache({
  ...{
    isTested: true,
    isAnomalyDetected: false,
    periodicityMinutes: 2,
    nextRunAfter: 1.5,
    timestamp: 1,
  },
  ...{ moduleFile: '/a.py', moduleFileMtime: 1.25 },
});
const ENTRY = JSON.stringify({
  sha512: '0f'.repeat(64),
  software_url: 'http://u/',
  software_root: '/opt',
  multiarch: 'x86_64-linux-gnu',
  os: ['debian', '12', ''],
});
const OLD_ENTRY = JSON.stringify({
  sha512: '0f'.repeat(64),
  machine: 'x86_64',
  os: "('debian', '8.10', '')",
});
const BOOT = '6e9b7ab4-0d3b-4a8c-9b32-b5d7a8a3cb52';
const JOURNAL = renderJournal({
  ...{ bootId: BOOT, bridge: 'br0', isBridgeNew: true },
  ports: [{ name: 'eth0', isEnslaved: false, addresses: [], routes: [] }],
});
const SOURCE = { masterUrl: 'http://m/', computerId: 'COMP-1' };

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'json-text',
    shape: 'json',
    seeds: [
      '{"a": [1, 2.5, -0, 1e3, NaN, -Infinity, null, true], "a": "\\u00e9\\n"}',
      '123456789012345678901234567890',
    ],
    run(text) {
      const found = gives(() => parseJsonText(text), [SyntaxError]);
      const json = parseJson(text);
      if (json !== undefined && found === undefined && !/\d{4300}|(\[|\{){400}/.test(text)) {
        ensure(false, 'JSON that is not read');
      }
      if (found === undefined) return;
      const written = renderPythonJson(found.value);
      ensureSame(renderPythonJson(parseJsonText(written).value), written, 'written again');
    },
  }),
  textTarget({
    name: 'python-json',
    shape: 'json',
    seeds: ['{"a": [1, 2.5, -0, 1e3], "number 0:": "number 1:1"}', '"\\"1\\""'],
    run(text) {
      const value = gives(() => parsePythonJson(text), [SyntaxError]);
      ensure((value === undefined) === (parseJson(text) === undefined), 'not as JSON.parse has it');
      if (value === undefined) return;
      const written = renderPythonJson(value);
      // Numbers that no double holds: Python writes them as a word that JSON has not.
      if (written.includes('Infinity')) return;
      ensureSame(renderPythonJson(parsePythonJson(written)), written, 'written again');
    },
  }),
  textTarget({
    name: 'exact-json',
    shape: 'json',
    seeds: ['{"a": [1, 2.5, -0, 1e3, 12345678901234567890], "\\\\": "\\""}', '[[],{}]'],
    run(text) {
      const json = parseJson(text);
      if (json === undefined || !isBounded(json)) return;
      const value = gives(() => parseExactJson(text), [HttpProblem]);
      if (value === undefined) return;
      const written = renderExactJson(value instanceof Map ? Object.fromEntries(value) : value);
      ensure(parseJson(written) !== undefined, `no JSON: ${written.slice(0, 200)}`);
    },
  }),
  textTarget({
    name: 'json-rpc-answers',
    shape: 'json',
    seeds: [
      INSTANCE,
      `{"result_list": [${INSTANCE}]}`,
      '{"title": "x", "type": "y", "status": 102}',
    ],
    run(text) {
      const answer = parseJson(text);
      if (answer === undefined) return;
      for (const method of RPC_METHOD_NAMES) {
        const problem = findMisshape(method, answer as never);
        ensure(problem === undefined || problem.length < 200, 'a long problem');
        if (problem === undefined && method === 'slapos.get.v0.software_instance')
          partitionOf(answer as never);
      }
    },
  }),
  textTarget({
    name: 'promise-result',
    shape: 'json',
    seeds: [RESULT],
    run(text) {
      const told = parseToldResult(text);
      if (told === undefined) return;
      ensure(Number.isFinite(told.executionS) && told.executionS >= 0, 'the time it took');
      ensure(told.atMs === undefined || Number.isFinite(told.atMs), 'when it was');
    },
  }),
  textTarget({
    name: 'promise-cache',
    shape: 'json',
    seeds: [CACHE],
    run(text) {
      const cache = parsePromiseCache(text);
      if (cache !== undefined)
        ensureSame(
          JSON.stringify(parsePromiseCache(renderPromiseCache(cache))),
          JSON.stringify(cache),
          'read again',
        );
      parseEggMemory(text);
    },
  }),
  textTarget({
    name: 'bang-state',
    shape: 'json',
    seeds: ['{"a": {"last": 1, "count": 2}, "__proto__": {"last": 1e9, "count": 0}}'],
    run(text) {
      const state = parseBangState(text);
      ensureSame(
        JSON.stringify(parseBangState(renderBangState(state))),
        JSON.stringify(state),
        'read again',
      );
      for (const title of [...Object.keys(state), 'toString', '__proto__']) {
        const next = withBang(state, title, 2e9);
        ensure(!mayBang(next, title, 2, 2e9), `${title} may bang at once again`);
      }
    },
  }),
  textTarget({
    name: 'runner-report',
    shape: 'json',
    seeds: [
      '{"event": "result", "name": "a", "type": "Test Result", "failed": true, "message": "m", "date": "2026-11-20T23:32:12+0000", "wantsBang": true}',
      '{"event": "end", "name": "a", "outcome": "timeout", "seconds": 1.5, "library": "eggs"}',
      '{"event": "cache", "name": "a", "text": "{}"}',
      '{"event": "broken", "name": "a", "error": "e", "traceback": "t"}',
      '{"event": "ready"}',
    ],
    run(text) {
      const report = parseRunnerReport(text);
      if (report?.event === 'end') ensure(report.seconds >= 0, 'a time before');
      if (report?.event === 'result') ensure(report.date.toISOString() !== '', 'a date');
    },
  }),
  textTarget({
    name: 'collector-look',
    shape: 'json',
    seeds: [
      JSON.stringify({
        version: 1,
        bootId: BOOT,
        monotonicMs: 50_000,
        cpu: [1, 2, 3, 4],
        processes: [1, 2, 3, 4],
      }),
    ],
    run(text) {
      const look = decodeLook(text, BOOT, 60_000);
      if (look === undefined) return;
      for (const [pid, ticks] of look.processes) {
        ensure(typeof pid === 'number' && typeof ticks.startTicks === 'number', 'a number');
      }
    },
  }),
  textTarget({
    name: 'format-journal',
    shape: 'json',
    seeds: [JOURNAL],
    run(text) {
      const journal = parseJournal(text);
      if (journal !== undefined)
        ensureSame(parseJournal(renderJournal(journal)), journal, 'read again');
    },
  }),
  textTarget({
    name: 'kept-answers',
    shape: 'json',
    seeds: [
      JSON.stringify({ ...SOURCE, told: { slappart0: 'started' } }),
      JSON.stringify({
        computerId: 'COMP-1',
        partitions: [
          { partitionId: 'slappart0', requestedState: 'started', softwareReleaseUrl: null },
        ],
      }),
      JSON.stringify({ format: 1, ...SOURCE, tag: '"a"', sha256: 'x' }),
    ],
    run(text) {
      for (const [, state] of parseToldStates(text, SOURCE))
        ensure(typeof state === 'string', 'a state');
      parseKeptDocument(text, SOURCE);
      gives(() => decodeOrRefuse(() => parseKeptAnswer(text, 'COMP-1')), [SyntaxError, TypeError]);
    },
  }),
  textTarget({
    name: 'cache-entries',
    shape: 'json',
    seeds: [
      JSON.stringify([
        [ENTRY, 'c2ln'],
        [OLD_ENTRY, ''],
      ]),
      ENTRY,
      OLD_ENTRY,
    ],
    run(text) {
      const entries = decodeOrRefuse(() => parseEntries(text), ['SLAPOS_ERR_CACHE']) ?? [];
      const machine = parseBinaryClaim(ENTRY)?.machine;
      ensure(machine !== undefined, 'the entry of this test');
      const search = { url: 'http://u/', softwareRoot: '/opt', machine, trustedKeys: [] };
      for (const line of chooseBinaries(entries, search).refusals) {
        ensure(line.length < 600 && !/[\p{Cc}\u2028]/u.test(line), `refused as ${line}`);
      }
      for (const entry of [...entries.map((one) => one.text), text]) {
        const sha512 = parseBinaryEntry(entry)?.sha512 ?? 'f'.repeat(128);
        ensure(/^[0-9a-f]{128}$/.test(sha512), sha512);
        parseSourceEntry(entry, 'url');
      }
      const list = parseEntryList(text);
      if (list !== undefined)
        ensure(withEntry(list, ['a', 'b']).length <= 100, 'more than a hundred');
    },
  }),
  textTarget({
    name: 'registration',
    shape: 'json',
    seeds: [
      '{"certificate": "-----BEGIN CERTIFICATE-----", "key": "-----BEGIN PRIVATE KEY-----", "reference": "COMP-1"}',
      encodeNote({ nodeName: 'n', site: 'https://s/', sentAtMs: 1 }),
      encodeAnswer({
        nodeName: 'n',
        site: 'https://s/',
        url: 'https://s/u',
        body: '{}',
        isComplete: true,
      }),
      'false',
    ],
    run(text) {
      decodeOrRefuse(
        () => decodeCredentials(text, 'https://s/u'),
        ['SLAPOS_ERR_MASTER_REFUSED', 'SLAPOS_ERR_MASTER_PROTOCOL'],
      );
      const note = decodeNote(text);
      if (note !== undefined) ensureSame(decodeNote(encodeNote(note)), note, 'read again');
      const answer = decodeOrRefuse(() => decodeAnswer(text, '/etc/a'), ['SLAPOS_ERR_STATE_FILE']);
      if (answer !== undefined)
        ensureSame(decodeAnswer(encodeAnswer(answer), ''), answer, 'read again');
      decodeOrRefuse(() => decodeRenewal(text, '/etc/a'), ['SLAPOS_ERR_STATE_FILE']);
    },
  }),
  textTarget({
    name: 'partition-requests',
    shape: 'json',
    seeds: [
      '[{"srcPort": 8080, "destPort": "80", "srcAddress": "10.0.0.1", "destAddress": "::1", "type": "TCP"}, {"disk": "/dev/sda"}]',
    ],
    run(text) {
      const entries = parseJson(text);
      if (!Array.isArray(entries)) return;
      const { problems, redirections } = parseRedirections(entries, ['10.0.0.1', 'fd00::1']);
      for (const line of [...problems, ...parseDiskRequests(entries).problems]) {
        ensure(line.length < 600 && !/[\n\r]/.test(line), `told as ${line}`);
      }
      for (const redirection of redirections) {
        const words = renderRedirection('/usr/bin/socat', redirection, 'slapuser0');
        ensure(
          /^\/usr\/bin\/socat [A-Z0-9]+-LISTEN:\d+[\w.,:[\]=]* [A-Z0-9]+:[\w.:[\]]+:\d+$/.test(
            words,
          ),
          words,
        );
      }
      for (const path of parseDiskRequests(entries).paths) ensure(path.startsWith('/'), path);
    },
  }),
];
