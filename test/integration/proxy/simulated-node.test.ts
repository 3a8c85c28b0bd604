/**
 * The simulated nodes of `bench/nodes` say what a real node says: one story, told by the command line
 * and by the simulator to proxies of their own, request by request.
 */
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { renderCall } from '../../../bench/nodes/calls.ts';
import {
  type Instance,
  type RunProcess,
  SimulatedNode,
} from '../../../bench/nodes/simulated-node.ts';
import { WireConnection } from '../../../bench/nodes/wire.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import { createInteropBridge, removeInteropBridge } from '../../support/interop-release.ts';
import { RealNode } from '../../support/real-node.ts';
import { requires } from '../../support/requires.ts';
import { WireRecorder, type WireRequest } from '../../support/wire-recorder.ts';

const FOLDER = '/srv/simulated-node';
const URL = `${FOLDER}-software/software.cfg`;
const PARTITIONS = 2;
const FAULT = "Promise 'no' failed with output: no";
const REQUESTED = ['first', 'second'];
/** Runs in the partition: its promise fails while the parameter says so. */
const BUILDOUT = `#!/bin/sh
mkdir -p bin
printf '[buildout]\\nparts =\\n' > instance.cfg
cat > bin/buildout <<'END'
#!/bin/sh
[ -e plan ] || exit 0
mkdir -p etc/promise
. ./plan
printf 'first\\nsecond\\n' > .slapos-request-transaction-slappart0
END
chmod 755 bin/buildout
`;

/** What the story needs of either side. */
interface Teller {
  format(): Promise<void>;
  supply(): Promise<void>;
  software(): Promise<void>;
  instances(): Promise<void>;
  report(): Promise<void>;
  /** @param isFaulty whether the promise of the instance fails from the next build on */
  request(state: 'started' | 'stopped' | 'destroyed' | null, isFaulty: boolean): Promise<void>;
  service(): Promise<void>;
}

const CHAPTERS: ReadonlyArray<readonly [string, (teller: Teller) => Promise<void>]> = [
  ['a format', (teller) => teller.format()],
  ['a supply', (teller) => teller.supply()],
  ['a pass over new software', (teller) => teller.software()],
  ['a pass over software that is there', (teller) => teller.software()],
  ['a pass without instances', (teller) => teller.instances()],
  ['a request', (teller) => teller.request(null, false)],
  ['a pass over a new instance', (teller) => teller.instances()],
  ['a pass with nothing to do', (teller) => teller.instances()],
  ['another pass over software', (teller) => teller.software()],
  ['other parameters', (teller) => teller.request(null, true)],
  ['a pass with a promise that fails', (teller) => teller.instances()],
  ['a pass with a promise that fails still', (teller) => teller.instances()],
  ['a stop', (teller) => teller.request('stopped', false)],
  ['a pass that stops', (teller) => teller.instances()],
  ['a report', (teller) => teller.report()],
  ['a look at the service', (teller) => teller.service()],
  ['a destruction', (teller) => teller.request('destroyed', false)],
  ['a pass that destroys', (teller) => teller.instances()],
  ['a report that frees', (teller) => teller.report()],
  ['a pass after it', (teller) => teller.instances()],
];

requires('root', 'netns')('a simulated node', () => {
  it('says what a real one says', { timeout: 120_000 }, async () => {
    createInteropBridge();
    installSoftware();
    const real = new RealNode({
      folder: FOLDER,
      port: 5700,
      proxyPort: 5701,
      slapos: { buildout: `${FOLDER}-software/buildout` },
      slapformat: { partition_amount: PARTITIONS },
    });
    const other = new RealNode({ folder: `${FOLDER}-2`, port: 5702, proxyPort: 5703 });
    try {
      const told = await tell(real, 5700, 5701, tellerOf(real));
      const simulated = await tell(other, 5702, 5703, simulatedTeller(5702));
      for (const [title] of CHAPTERS)
        expect([title, simulated[title]]).toEqual([title, told[title]]);
    } finally {
      await real.remove();
      await other.remove();
      rmSync(`${FOLDER}-software`, { recursive: true });
      removeInteropBridge();
    }
  });
});

function installSoftware(): void {
  mkdirSync(`${FOLDER}-software`);
  chmodSync(`${FOLDER}-software`, 0o755);
  writeFileSync(URL, '[buildout]\nparts =\n');
  writeFileSync(`${FOLDER}-software/buildout`, BUILDOUT, { mode: 0o755 });
}

/** What was said in each chapter, without what differs from one machine to another. */
async function tell(
  node: RealNode,
  port: number,
  proxyPort: number,
  teller: Teller,
): Promise<Record<string, unknown>> {
  const recorder = new WireRecorder(proxyPort);
  await recorder.listen(port);
  try {
    await node.startProxy('ours');
    const told: Record<string, unknown> = {};
    for (const [title, chapter] of CHAPTERS) {
      recorder.take();
      await chapter(teller);
      told[title] = describe(recorder.take(), port);
    }
    return told;
  } finally {
    await node.stopProxy();
    await recorder.close();
  }
}

function describe(requests: readonly WireRequest[], port: number): unknown {
  const first = requests[0]?.connection ?? 0;
  return requests.map(({ connection, method, path, headers, body }) => {
    const fields = Object.fromEntries(new URLSearchParams(body));
    const isFormat = path === '/loadComputerConfigurationFromXML';
    const plain = headers.map(([name, value]) => {
      if (name === 'content-length') return [name, 'of the body'];
      // The documents of two computers differ.
      return [name, name === 'if-none-match' ? 'a tag' : value.replace(`:${port}`, '')];
    });
    return {
      connection: connection - first,
      method,
      path,
      headers: plain,
      fields: isFormat ? shapeOf(decodeMarshal(fields['xml'] ?? '', 'The computer')) : fields,
    };
  });
}

/** The keys of a document, and of the first value of each list. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}

function tellerOf(node: RealNode): Teller {
  const home = node.path('slappart0');
  const plan = (text: string): void => {
    const { uid, gid } = statSync(home);
    writeFileSync(join(home, 'plan'), `${text}\n`);
    chownSync(join(home, 'plan'), uid, gid);
  };
  let revision = 0;
  const run = async (...words: string[]): Promise<void> => {
    await node.run('ours', ...words);
  };
  return {
    format: () => run('node', 'format', '--now'),
    supply: () => run('supply', URL, 'COMP-1'),
    software: () => run('node', 'software', '--now'),
    instances: () => run('node', 'instance', '--now'),
    report: () => run('node', 'report', '--now'),
    async request(state, isFaulty) {
      const script = '#!/bin/sh\\necho no; exit 1\\n';
      plan(
        isFaulty
          ? `printf '${script}' > etc/promise/no; chmod 755 etc/promise/no`
          : 'rm -f etc/promise/no',
      );
      const words = state === null ? [] : ['--state', state];
      if (state === null) revision += 1;
      const parameters = `revision=${revision}`;
      const where = ['--node', 'computer_guid=COMP-1'];
      await run('request', 'one', URL, ...where, '--parameters', parameters, ...words);
    },
    service: () => run('service', 'info', 'one'),
  };
}

function simulatedTeller(port: number): Teller {
  const runProcess: RunProcess = async (work) => {
    const connection = new WireConnection(port);
    try {
      return await work({
        async ask(call, statuses = [200]) {
          const answer = await connection.ask(renderCall(call, `127.0.0.1:${port}`));
          expect(statuses).toContain(answer.status);
          return answer;
        },
      });
    } finally {
      connection.close();
    }
  };
  const software = { publishes: false, requests: REQUESTED };
  const node = new SimulatedNode(0, PARTITIONS, runProcess, software, (revision) => {
    return { revision: String(revision + 1) };
  });
  let instance: Instance | undefined;
  return {
    format: () => node.format(),
    supply: () => node.supply(URL),
    software: () => node.passSoftware(),
    instances: () => node.passInstances(),
    report: () => node.passReport(),
    async request(state, isFaulty) {
      if (instance === undefined) instance = await node.requestNew('one', URL);
      else {
        instance.fault = isFaulty ? FAULT : undefined;
        await node.requestChange(instance, URL, state);
      }
    },
    async service() {
      if (instance !== undefined) await node.readService(instance);
    },
  };
}
