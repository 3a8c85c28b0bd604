/**
 * `slapos proxy` with `peer_check` as the kernel has it: the users of two partitions, nobody, root
 * and another network namespace ask for everything (docs/proxy.md, "Who may do what").
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { createInteropBridge, removeInteropBridge } from '../../support/interop-release.ts';
import { describeEndpoint, ENDPOINTS, renderCall } from '../../support/peer-endpoints.ts';
import { postForm, requestFields } from '../../support/proxy-fixture.ts';
import { COMPUTER, RealNode } from '../../support/real-node.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const NOBODY = 65534;
const PORT = 5000;
/** The two ends of a cable to another network namespace. */
const [HERE, THERE] = ['192.0.2.1', '192.0.2.2'];

type Answers = Readonly<Record<string, { readonly status: number; readonly text: string }>>;

requires('root', 'netns')('peer_check', () => {
  let node: RealNode;
  let program: string;
  let elsewhere: ChildProcess;

  beforeAll(async () => {
    createInteropBridge();
    elsewhere = await connectNamespace();
    node = new RealNode({
      folder: '/srv/peer-check',
      port: PORT,
      slapproxy: { peer_check: true, host: '0.0.0.0', peer_check_users: 'daemon' },
    });
    program = join(node.folder, 'call.mjs');
    copyFileSync(join(packageRoot(), 'test/support/call-endpoints.mjs'), program);
    chmodSync(program, 0o644);
    await node.startProxy('ours');
    await node.ours('node', 'format', '--now');
    const front = { computer_id: COMPUTER, computer_partition_id: 'slappart0' };
    for (const [title, requester] of [
      ['front', {}],
      ['back', front],
      ['other', {}],
    ] as const) {
      const fields = requestFields({ partition_reference: title, ...requester });
      const { status, text } = await postForm(`${node.masterUrl}requestComputerPartition`, fields);
      expect(status, text).toBe(200);
    }
  });
  afterAll(async () => {
    await node.remove();
    elsewhere.kill('SIGKILL');
    removeInteropBridge();
  });

  /** Asks for everything as a user, through an address of this machine. */
  async function ask(uid: number, host = '127.0.0.1', prefix: readonly string[] = []) {
    const calls = ENDPOINTS.map((endpoint) => ({
      url: `http://${host}:${PORT}${endpoint.path}`,
      ...renderCall(endpoint),
    }));
    const [file = '', ...words] = [...prefix, process.execPath, program];
    const output = execProgram(file, words, uid, JSON.stringify(calls));
    const answers = JSON.parse(await output) as ReadonlyArray<Answers[string]>;
    const names = ENDPOINTS.map(describeEndpoint);
    return Object.fromEntries(names.map((name, index) => [name, answers[index]])) as Answers;
  }

  const ownerOf = (partition: string) => statSync(node.path(partition)).uid;
  const refused = (answers: Answers) =>
    Object.entries(answers)
      .filter(([, { status, text }]) => status === 403 && text.includes('peer_check: '))
      .map(([name]) => name);
  const expected = (...allowed: readonly string[]) =>
    ENDPOINTS.filter((endpoint) => !allowed.includes(endpoint.allowed)).map(describeEndpoint);

  it('lets the user of a partition act for it', async () => {
    expect(ownerOf('slappart0')).not.toBe(ownerOf('slappart1'));
    const answers = await ask(ownerOf('slappart0'));
    expect(refused(answers)).toEqual(expected('own', 'any'));
    for (const { allowed, ...endpoint } of ENDPOINTS) {
      const answer = answers[describeEndpoint({ allowed, ...endpoint })];
      if (allowed !== 'none') expect([200, 302], answer?.text).toContain(answer?.status);
    }
  });

  it('knows him at another address of the machine too', async () => {
    expect(refused(await ask(ownerOf('slappart0'), HERE))).toEqual(expected('own', 'any'));
  });

  it('lets the user of another partition act for this one in nothing', async () => {
    for (const partition of ['slappart1', 'slappart2']) {
      expect(refused(await ask(ownerOf(partition)))).toEqual(expected('any'));
    }
  });

  it('lets nobody do anything', async () => {
    expect(refused(await ask(NOBODY))).toEqual(expected());
  });

  it('lets nobody in from another network namespace, even root', async () => {
    const prefix = ['nsenter', `--target=${elsewhere.pid}`, '--net'];
    const answers = await ask(0, HERE, prefix);
    expect(refused(answers)).toEqual(expected());
    expect(answers['/getRunId']?.text).toContain(`${THERE} is another machine`);
  });

  it('lets root and listed users do everything', async () => {
    expect(refused(await ask(1))).toEqual([]);
    expect(refused(await ask(0))).toEqual([]);
  });
});

/** A process alone in a network namespace with a cable to ours. */
async function connectNamespace(): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', 'sleep', '1000'], { stdio: 'ignore' });
  const ours = readlinkSync('/proc/self/ns/net');
  await until(
    () => ([undefined, ours].includes(readNamespace(child.pid)) ? undefined : true),
    'the other network namespace',
  );
  const ip = (words: string) => execFileSync('ip', words.split(' '));
  ip(`link add cable0 type veth peer name cable1 netns ${child.pid}`);
  ip(`address add ${HERE}/24 dev cable0`);
  ip('link set cable0 up');
  const inside = (words: string) =>
    execFileSync('nsenter', [`--target=${child.pid}`, '--net', 'ip', ...words.split(' ')]);
  inside(`address add ${THERE}/24 dev cable1`);
  inside('link set cable1 up');
  return child;
}

function readNamespace(pid: number | undefined): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function execProgram(
  file: string,
  args: readonly string[],
  uid: number,
  input: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const ids = uid === 0 ? {} : { uid, gid: uid };
    const child = spawn(file, args, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'], ...ids });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part;
    });
    child.on('error', reject).on('close', (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`${file} ${args.join(' ')} ended with ${status}`));
    });
    child.stdin.end(input);
  });
}
