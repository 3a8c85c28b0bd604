/** `proxy start` with clients: what was answered with 200 must be in the database afterwards. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCopy } from './database-copy.ts';
import { slaposCommand } from './fault-tracer.ts';
import type { FaultScene } from './fault-walk.ts';
import { computerDocument, requestFields } from './proxy-fixture.ts';
import { until } from './supervisor-run.ts';

const ROOT = '/srv/fault-proxy';
const CONFIGURATION = '/srv/fault-proxy.cfg';
const DATABASE = join(ROOT, 'proxy.db');
const PORT = 5931;
const URL_OF_PROXY = `http://127.0.0.1:${PORT}/`;
const ANSWER_TIMEOUT_MS = 10_000;

/** A request and the text that the database has to hold when it was answered. */
interface Deed {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly table: string;
  readonly trace: string;
}

const instance = (title: string, value: string): Deed => ({
  path: 'requestComputerPartition',
  fields: requestFields({
    partition_reference: title,
    partition_parameter_xml: { p: value },
  }),
  table: 'partition',
  trace: `(?=.*"${title}").*${value}`,
});
const DEEDS: readonly Deed[] = [
  {
    path: 'loadComputerConfigurationFromXML',
    fields: { xml: computerDocument(3) },
    table: 'partition_network',
    trace: '10\\.0\\.1\\.2',
  },
  {
    path: 'supplySupply',
    fields: { url: 'https://example.com/software.cfg', computer_id: 'COMP-1', state: 'available' },
    table: 'software',
    trace: 'example\\.com',
  },
  instance('first', 'one'),
  instance('second', 'two'),
  instance('first', 'three'),
];

function readTable(name: string): string[] {
  return inCopy(DATABASE, (database) => {
    const table = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?")
      .pluck()
      .get(`${name}[0-9]*`);
    if (table === undefined) return [];
    const rows = database.prepare(`SELECT * FROM "${table}"`).all() as Array<
      Record<string, unknown>
    >;
    return rows.map((row) => `${name} ${JSON.stringify({ ...row, timestamp: 0 })}`).sort();
  });
}

const subjectOf = ({ fields, path }: Deed) => fields['partition_reference'] ?? path;

/**
 * Answered deeds of one run of the proxy that nothing was asked after which may have replaced them;
 * ends it when all were asked.
 */
async function useProxy(kill: (signal: NodeJS.Signals) => void, isOver: () => boolean) {
  let answered: Deed[] = [];
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(URL_OF_PROXY + path, { ...init, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  const isUp = await until(async () => {
    if (isOver()) return 'over';
    return ask('getRunId').then(
      () => 'up',
      () => undefined,
    );
  }, 'the proxy');
  for (const deed of isUp === 'up' ? DEEDS : []) {
    const body = new URLSearchParams(deed.fields);
    // Once more, as clients do.
    for (const _ of [1, 2]) {
      const status = await ask(deed.path, { method: 'POST', body }).then(
        (response) => response.text().then(() => response.status),
        () => undefined,
      );
      // Without an answer it may be done or not.
      answered = answered.filter((other) => subjectOf(other) !== subjectOf(deed));
      if (status !== 200) continue;
      answered.push(deed);
      break;
    }
  }
  kill('SIGTERM');
  return answered;
}

export async function proxyScene(): Promise<FaultScene> {
  let answered: Promise<readonly Deed[]> = Promise.resolve([]);
  writeFileSync(
    CONFIGURATION,
    `[slapos]
computer_id = COMP-1
master_url = ${URL_OF_PROXY}
[slapproxy]
host = 127.0.0.1
port = ${PORT}
database_uri = ${DATABASE}
`,
  );
  return {
    name: 'proxy start',
    isOpaque: true,
    command: () => ({
      ...slaposCommand(CONFIGURATION, 'proxy', 'start'),
      onStart: (kill, isOver) => {
        answered = useProxy(kill, isOver);
      },
    }),
    async reset() {
      rmSync(ROOT, { recursive: true, force: true });
      mkdirSync(ROOT);
    },
    async state() {
      return ['partition', 'partition_network', 'software', 'computer'].flatMap(readTable);
    },
    async findLosses() {
      return (await answered)
        .filter(({ table, trace }) => !readTable(table).some((row) => new RegExp(trace).test(row)))
        .map(({ path, trace }) => `${path} ${trace}`);
    },
    close: async () => rmSync(ROOT, { recursive: true, force: true }),
  };
}
