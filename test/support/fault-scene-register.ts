/** `node register` and `node certificate renew` against a Master over TLS, for walks of faults. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isKeyOf, parseCertificate } from '../../src/pki/certificate.ts';
import { slaposCommand, type TracedRun } from './fault-tracer.ts';
import { describeTree } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { keepTree } from './kept-tree.ts';
import { StandInMaster } from './stand-in-master.ts';

const TITLE = 'walker';
const REFERENCE = 'COMP-1234';
const GOOD = 'a good pair';
const PRIVATE = 'PRIVATE KEY';
const TREE = { volatile: /\/(key|certificate)(\.old)?$/, ignored: /\/master_ca\.crt$/ };

interface Pair {
  readonly key: string | undefined;
  readonly certificate: string | undefined;
}

const readText = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

const readPair = (folder: string, suffix = ''): Pair => ({
  key: readText(join(folder, `key${suffix}`)),
  certificate: readText(join(folder, `certificate${suffix}`)),
});

const isSame = (one: Pair, other: Pair) =>
  one.key === other.key && one.certificate === other.certificate;

const isWhole = ({ key, certificate }: Pair) =>
  key !== undefined && certificate !== undefined && isKeyOf(key, certificate);

/** Files that hold a private key and that others than root may read. */
function findOpenSecrets(path: string): string[] {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory())
    return readdirSync(path).flatMap((name) => findOpenSecrets(join(path, name)));
  if (!status?.isFile() || !readFileSync(path, 'utf8').includes(PRIVATE)) return [];
  const isSafe = status.uid === 0 && (status.mode & 0o7777) === 0o600 && status.nlink === 1;
  return isSafe ? [] : [`the secrecy of ${path}`];
}

/** What is below a folder; one between request and configuration with nothing but a lock is none. */
function describeNode(folder: string, work: string): string[] {
  const isEmpty = existsSync(work) && readdirSync(work).every((name) => name === 'lock');
  const lines = describeTree([folder], TREE);
  return isEmpty ? lines.filter((line) => !line.startsWith(work)) : lines;
}

/** A Master, and what a machine that joins it has below a folder. */
class JoiningNode {
  readonly root: string;
  readonly master = new StandInMaster();
  /** Configuration folder of the node. */
  readonly etc: string;
  readonly work: string;
  readonly tokenFile: string;
  readonly #authority: string;
  #url = '';
  #token = '';

  constructor(root: string) {
    this.root = root;
    this.etc = join(root, 'node', 'slapos');
    this.work = join(root, 'node', '.slapos.registration');
    this.tokenFile = join(root, 'token');
    this.#authority = join(root, 'authority.pem');
  }

  async open(): Promise<void> {
    rmSync(this.root, { recursive: true, force: true });
    mkdirSync(join(this.root, 'node'), { recursive: true });
    this.#url = await this.master.listen();
    writeFileSync(this.#authority, this.master.authority.certificate);
  }

  get configuration(): string {
    return join(this.etc, 'slapos.cfg');
  }

  /** As the tracer wants it; what is below the root counts from the first call on. */
  command(configuration: string, ...words: readonly string[]) {
    const trust = [
      ...['--master-url', `${this.#url}/`, '--master-url-web', this.#url],
      ...['--master-ca-file', this.#authority, '--token-file', this.tokenFile],
    ];
    return { ...slaposCommand(configuration, ...words, ...trust), begin: this.root };
  }

  register() {
    return this.command(this.configuration, 'node', 'register', TITLE);
  }

  async run({ argv: [program = '', ...words], env }: ReturnType<typeof slaposCommand>) {
    const child = spawn(program, words, { env, stdio: 'ignore' });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`${words.join(' ')} ends with ${status}`);
  }

  giveToken(): void {
    this.#token = this.master.createToken();
    writeFileSync(this.tokenFile, this.#token);
  }

  get isTokenUsed(): boolean {
    return !this.master.isTokenGood(this.#token);
  }

  /** Whether the node has what its Master takes. */
  describePair(): string {
    const { key, certificate } = readPair(join(this.etc, 'ssl'));
    if (key === undefined || certificate === undefined) return 'no pair';
    if (!isKeyOf(key, certificate)) return 'a key of another certificate';
    const { commonName } = parseCertificate(certificate);
    return commonName === this.master.validName(REFERENCE) ? GOOD : 'a pair that is not valid';
  }

  async close(): Promise<void> {
    await this.master.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** What the configuration folder held before. */
const FORMER = '[slapos]\ncomputer_id = COMP-1\nmaster_url = https://elsewhere/\n';

/** `node register` on a machine that has been another node. */
export async function registerScene(): Promise<FaultScene> {
  const node = new JoiningNode('/srv/register');
  await node.open();
  const former = node.master.authority.issue({ commonName: 'former' });
  const parent = join(node.root, 'node');
  const isFormer = (folder: string) =>
    readText(join(folder, 'slapos.cfg')) === FORMER &&
    isSame(readPair(join(folder, 'ssl')), former);
  const isKept = () => existsSync(join(node.work, 'answer.json')) || node.describePair() === GOOD;
  return {
    name: 'node register',
    command: () => node.register(),
    async reset() {
      rmSync(parent, { recursive: true });
      mkdirSync(join(node.etc, 'ssl'), { recursive: true });
      writeFileSync(node.configuration, FORMER);
      writeFileSync(join(node.etc, 'ssl', 'key'), former.key, { mode: 0o600 });
      writeFileSync(join(node.etc, 'ssl', 'certificate'), former.certificate, { mode: 0o600 });
      node.master.revoke(TITLE);
      node.giveToken();
    },
    // The token is used up by the first answer: without it the operator revokes and gets another.
    repair() {
      if (!node.isTokenUsed || isKept()) return;
      node.master.revoke(TITLE);
      node.giveToken();
    },
    async state() {
      return [
        ...describeNode(parent, node.work),
        `the node has ${node.describePair()}`,
        `the token is ${node.isTokenUsed ? 'used up' : 'good'}`,
      ];
    },
    async findLosses(run?: TracedRun) {
      const isTold = run === undefined || /used up|revoke/.test(run.output);
      const isNoted = existsSync(join(node.work, 'request.json'));
      const isAnswerLost =
        node.isTokenUsed && !isKept() && !(run?.status === null ? isNoted : isTold);
      return [
        ...findOpenSecrets(parent),
        ...(isFormer(node.etc) || isFormer(`${node.etc}.old`) ? [] : ['the former configuration']),
        ...(isAnswerLost ? ['that the token is used up'] : []),
      ];
    },
    close: () => node.close(),
  };
}

/** `node certificate renew` in the name of a person. */
export async function renewScene(): Promise<FaultScene> {
  const node = new JoiningNode('/srv/renew');
  await node.open();
  node.giveToken();
  await node.run(node.register());
  node.giveToken();
  const person = join(node.root, 'person', 'slapos-client.cfg');
  await node.run(node.command(person, 'configure', 'client'));
  const parent = join(node.root, 'node');
  const ssl = join(node.etc, 'ssl');
  const work = join(ssl, '.certificate.renewal');
  const former = readPair(ssl);
  const kept = keepTree(parent);
  const valid = node.master.validName(REFERENCE);
  const words = ['node', 'certificate', 'renew', '--client-cfg', person];
  return {
    name: 'node certificate renew',
    command: () => slaposCommand(node.configuration, ...words),
    async reset() {
      execFileSync('rm', ['-rf', work]);
      kept.restore();
      // A Master of tests has few keys: the next one is not that of the former pair.
      while (node.master.authority.issue({ commonName: 'other' }).key !== former.key);
      node.master.setValid(REFERENCE, valid);
    },
    async state() {
      const isReplaced = !isSame(readPair(ssl), former);
      return [
        ...describeNode(parent, work),
        `the node has ${node.describePair()}`,
        `the pair is ${isReplaced ? 'another' : 'the former'}`,
        `beside it is ${isWhole(readPair(ssl, '.old')) ? 'one' : 'none'}`,
      ];
    },
    async findLosses(run?: TracedRun) {
      const [live, old, next] = [readPair(ssl), readPair(ssl, '.old'), readPair(work)];
      // A kill between the two renamings: the next run goes on.
      const isThere = [live, old].some((pair) => isSame(pair, former));
      const isOnTheWay = run?.status === null && isSame(old, former) && isWhole(next);
      return [
        ...findOpenSecrets(parent),
        ...(isThere || node.describePair() === GOOD ? [] : ['a pair that works']),
        ...(isWhole(live) || isOnTheWay ? [] : ['that key and certificate belong together']),
      ];
    },
    close: () => node.close(),
  };
}
