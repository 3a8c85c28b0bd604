/**
 * Every command of clients, by our `slapos` and by upstream's, with our proxy and with upstream's as
 * the Master: exit status, standard output and log come to the same in all four.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publish, startClientScene } from '../support/client-scene.ts';
import { findInteropPython } from '../support/interop-release.ts';
import type { ProgramResult, RealNode, Side } from '../support/real-node.ts';
import { UpstreamShell } from '../support/upstream-shell.ts';

/** Refuses at once, so that nobody waits for a schema of parameters. */
const SOFTWARE = 'http://127.0.0.1:1/software.cfg';
const PORT = 5420;
/** For a machine that does something else too. */
const TIMEOUT_MS = 300_000;

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  /** Lines of a command that went well; of others the words are each side's own. */
  readonly log: readonly string[];
}

type Change = (outcome: Outcome) => Outcome;

interface Line {
  readonly line: string;
  /** What differs on purpose with our proxy or our client (docs/compatibility.md). */
  readonly withOurMaster?: Change;
  readonly withOurClient?: Change;
}

const says = (from: string, to: string): Change => {
  return (outcome) => ({ ...outcome, log: outcome.log.map((text) => text.replace(from, to)) });
};
const unheard: Change = (outcome) => ({ ...outcome, log: [] });
/** Upstream's proxy keeps the rows of slaves that are no more. */
const noSlaves: Change = (outcome) => ({
  ...outcome,
  stdout: 'Using database: <node>/proxy.db\ntable slave18: empty\n',
});
const stopped = says('State is : started.', 'State is : stopped.');
/** Upstream's client takes the connection of the host for the slave's, if it is told no state. */
const ownConnection: Change = (outcome) => {
  const start = outcome.log.findIndex((text) => text.startsWith('INFO {'));
  const log = [...outcome.log.slice(0, start), `INFO {'key': '"v"'}`, ...outcome.log.slice(-1)];
  return { ...outcome, log };
};
const ownEnd: Change = (outcome) => {
  return says('State is : started.', 'State is : destroyed.')(ownConnection(outcome));
};
const same = (line: string): Line => ({ line });

/** Done by hand in between. */
const FORMAT = 'node format --now';
const PUBLISH = 'publish';

/** In this order; what one changes, the next ones see. */
const LINES: readonly Line[] = [
  ...['service list', 'computer list', 'computer info COMP-1', 'service info front'].map(same),
  same(`request front ${SOFTWARE}`),
  same('proxy show'),
  same(FORMAT),
  same(`supply ${SOFTWARE} COMP-1`),
  // Upstream tells the name before it is resolved.
  { line: 'supply product.kvm COMP-1', withOurClient: unheard },
  same('supply product.no COMP-1'),
  same('supply literal COMP-9'),
  same('remove literal COMP-9'),
  same(`request front ${SOFTWARE} --parameters greeting=hé x=<&>`),
  same(`request front ${SOFTWARE} --parameters greeting=hé x=<&>`),
  same(`request front ${SOFTWARE} --node=computer_guid=COMP-1 --parameters greeting=two`),
  same(`request other ${SOFTWARE} --state stopped --type small`),
  // Upstream's proxy keeps it stopped, too.
  { line: `request other ${SOFTWARE} --type small`, withOurMaster: stopped },
  same('request product product.kvm --type=x'),
  same(`request far ${SOFTWARE} --node computer_guid=COMP-9`),
  same(`request slave ${SOFTWARE} --slave --type none`),
  same(`request slave ${SOFTWARE} --slave --parameters a=b`),
  same(`request json ${SOFTWARE} --parameters-file parameters.json`),
  ...['json-in-xml', 'xml'].map((name) =>
    same(
      `request json ${SOFTWARE} --parameters-file parameters.json --force-serialisation ${name}`,
    ),
  ),
  same('request yaml ./typed.cfg --parameters-file parameters.yaml'),
  same('request yaml ./typed.cfg --parameters-file parameters.yaml --type plain'),
  same('request yaml ./typed.cfg --parameters-file parameters.xml --type plain'),
  same(`request x ${SOFTWARE} --parameters a`),
  same(`request x ${SOFTWARE} --parameters a=b a=c`),
  same(`request x ${SOFTWARE} --parameters-file missing.json`),
  same(`request x ${SOFTWARE} --parameters a=b --parameters-file parameters.json`),
  same(`request x ${SOFTWARE} --force-serialisation foo`),
  same('request x'),
  same('service'),
  same(PUBLISH),
  same(`request front ${SOFTWARE} --parameters greeting=two`),
  {
    line: `request slave ${SOFTWARE} --slave --parameters a=b`,
    withOurMaster: ownConnection,
    withOurClient: ownConnection,
  },
  same('request json ./typed.cfg --parameters-file parameters.json'),
  same('service list'),
  ...['front', 'other', 'slave', 'json', 'yaml --news', "it's"].map((words) => {
    return same(`service info ${words}`);
  }),
  same('computer list'),
  same('computer info COMP-1'),
  same('computer info COMP-9'),
  same('computer token'),
  same('node bang -m why'),
  same('proxy show'),
  {
    line: `request slave ${SOFTWARE} --slave --parameters a=b --state destroyed`,
    withOurMaster: ownEnd,
    withOurClient: ownConnection,
  },
  same(`request other ${SOFTWARE} --state destroyed --type small`),
  same(`remove ${SOFTWARE} COMP-1`),
  { line: 'proxy show --slaves', withOurMaster: noSlaves },
  same('proxy show --software --network'),
];

interface Cast {
  readonly master: Side;
  readonly client: Side;
}
const CASTS: readonly Cast[] = [
  { master: 'upstream', client: 'upstream' },
  { master: 'ours', client: 'upstream' },
  { master: 'upstream', client: 'ours' },
  { master: 'ours', client: 'ours' },
];

describe.skipIf(note !== '')(`clients and Masters${note}`, { timeout: TIMEOUT_MS }, () => {
  const nodes: RealNode[] = [];
  let told: ReadonlyArray<readonly Outcome[]>;

  beforeAll(async () => {
    told = await Promise.all(
      CASTS.map(async ({ master, client }, index) => {
        const options = { folder: `/srv/clients-${index}`, port: PORT + index, python };
        const node = await startClientScene(master, options);
        nodes[index] = node;
        return runLines(node, client);
      }),
    );
  }, TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.remove()));
  });

  it.each(LINES.map((line, index) => ({ ...line, index })))('$line', (line) => {
    const wanted = told[0]?.[line.index];
    if (wanted === undefined) throw new Error('nothing was told');
    for (const [index, cast] of CASTS.entries()) {
      const outcome = told[index]?.[line.index];
      expect.soft({ cast, ...outcome }).toEqual({ cast, ...decide(wanted, line, cast) });
    }
  });

  it.each(CASTS.slice(0, 2))('both clients show the database of $master', async ({ master }) => {
    const node = nodes[master === 'ours' ? 1 : 0];
    const shown = await Promise.all([
      node?.run('ours', 'proxy', 'show'),
      node?.run('upstream', 'proxy', 'show'),
    ]);
    expect(shown[0]?.stdout).toContain('table partition18');
    expect(shown[0]).toEqual(shown[1]);
  });

  it('a script of upstream’s console does the same with both Masters', async () => {
    const [theirs, ours] = await Promise.all(
      nodes.slice(0, 2).map((node) => node.run('upstream', 'console', 'script.py', 'a', 'b')),
    );
    expect(theirs?.status, theirs?.stderr).toBe(7);
    expect([ours?.status, ours?.stdout]).toEqual([theirs?.status, theirs?.stdout]);
  });
});

/** What upstream's client told of upstream's Master, with what was decided for others. */
function decide(wanted: Outcome, line: Line, { master, client }: Cast): Outcome {
  const byMaster = master === 'ours' ? line.withOurMaster?.(wanted) : undefined;
  const outcome = byMaster ?? wanted;
  return (client === 'ours' ? line.withOurClient?.(outcome) : undefined) ?? outcome;
}

type Run = (...words: readonly string[]) => Promise<ProgramResult>;

async function runLines(node: RealNode, client: Side): Promise<Outcome[]> {
  const shell = client === 'upstream' ? new UpstreamShell(python, node) : undefined;
  const run: Run = (...words) => shell?.run(...words) ?? node.run('ours', ...words);
  const outcomes: Outcome[] = [];
  for (const { line, withOurClient } of LINES) {
    const result = await runLine(node, run, line);
    const isUnheard = client === 'ours' && withOurClient === unheard;
    outcomes.push({ ...result, ...(isUnheard ? { log: [] } : {}) });
  }
  await shell?.close();
  return outcomes;
}

async function runLine(node: RealNode, run: Run, line: string): Promise<Outcome> {
  if (line === FORMAT) await node.ours(...line.split(' '));
  else if (line === PUBLISH) await publishAll(node);
  else return normalise(await run(...line.split(' ')), node);
  return { status: 0, stdout: '', log: [] };
}

async function publishAll(node: RealNode): Promise<void> {
  const long = 'x'.repeat(90);
  await publish(node, 'slappart0', { url: 'http://é/', e: '', long, quoted: "it's" });
  await publish(node, 'slappart0', { key: '"v"' }, '_slave');
  await publish(node, 'slappart3', { _: '{"a": 1, "b": [true, null, "é"]}' });
}

/** Without folder, port, times, and the width that times give to a table. */
function normalise({ status, stdout, stderr }: ProgramResult, node: RealNode): Outcome {
  const plain = (text: string) => {
    return text
      .replaceAll(node.folder, '<node>')
      .replaceAll(new URL(node.masterUrl).host, '<host>');
  };
  const text = plain(stdout)
    .replace(/\b\d{10}\.\d+/g, '<time>')
    .replace(/ +/g, ' ')
    .replace(/-{9,}/g, '---');
  return { status, stdout: text, log: status === 0 ? readLog(plain(stderr)) : [] };
}

/** What only one of them says on the way is left out. */
const ASIDE =
  /^INFO (Validating request|Getting best)|\w+Warning:|warnings[.]warn|^ {2}params = |^WARNING (Error validating|Request parameters)|^ {2}[$][.]/;

function readLog(stderr: string): string[] {
  return stderr
    .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d slapos\[\d+\] /gm, '')
    .split('\n')
    .filter((line) => line !== '' && !ASIDE.test(line));
}
