/**
 * A real node, formatted, with its Master, panel and collector, on which one partition holds what
 * others might like and another one, or a stranger, tries to get at it (`probe.c`).
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { daemonSocket, readPartitions } from '../../src/collect/daemon/daemon-client.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { softwarePath } from '../../src/software/release.ts';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { compileProgram } from './hostile-program.ts';
import { createInteropBridge, removeInteropBridge } from './interop-release.ts';
import { postForm, requestFields, SOFTWARE } from './proxy-fixture.ts';
import { RealNode } from './real-node.ts';
import { until } from './supervisor-run.ts';

const FOLDER = '/srv/isolation';
const PORT = 5391;
/** Of the service that is held. */
const HELD_PORT = 4444;
const COLLECTOR_PORT = 5392;
const NOBODY = 65_534;
const ACCOUNT_FILES = ['passwd', 'shadow', 'group', 'gshadow'].map((name) => `/etc/${name}`);
const SLAPOS = join(packageRoot(), 'dist', 'bin', 'slapos.js');

/** Puts the services that the test left for a partition into it. */
const BUILDOUT = `#!/bin/sh
mkdir -p etc/service
rm -f etc/service/*
cp ${FOLDER}/services/\${PWD##*/}/* etc/service/
`;

/** By the name of the probe: `ok` or an errno. */
export type Outcomes = ReadonlyMap<string, string>;

export function parseOutcomes(text: string): Outcomes {
  const lines = text.split('\n').filter((line) => / /.test(line));
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

export class IsolationNode {
  /** Of what the node serves itself. */
  readonly ports = [PORT, COLLECTOR_PORT];
  readonly heldPort = HELD_PORT;
  readonly #node: RealNode;
  readonly #client: SupervisorClient;
  readonly #accounts = ACCOUNT_FILES.map((path) => [path, readFileSync(path)] as const);
  readonly #program: string;
  #collector: ChildProcess | undefined;

  constructor() {
    createInteropBridge();
    this.#node = new RealNode({
      folder: FOLDER,
      port: PORT,
      slapformat: {
        create_tap: true,
        partition_amount: 2,
        user_base_name: 'slapuser',
        partition_base_name: 'slappart',
      },
    });
    this.#program = compileProgram('probe', FOLDER);
    this.#client = new SupervisorClient(supervisorPaths(this.#node.instanceRoot).socket);
  }

  /** Formats the node, requests both instances and starts what is held. */
  async prepare(): Promise<void> {
    const node = this.#node;
    await node.startProxy('ours');
    await node.ours('node', 'format', '--now');
    this.#installSoftware();
    for (const title of ['attacker', 'held']) {
      const fields = requestFields({ partition_reference: title });
      await postForm(`${node.masterUrl}requestComputerPartition`, fields);
    }
    const { address } = this.#resource();
    this.#setService(0, 'probe', `${this.#program} ${FOLDER}/targets`);
    this.#setService(1, 'hold', `${this.#program} hold ${address} ${HELD_PORT}`);
    this.#writeOwn(1, 'secret', 0o600);
    this.#writeOwn(1, 'open', 0o644);
    node.write('targets', '');
    await this.#pass();
    await node.ours('node', 'collect');
    await this.#startCollector();
    node.write('targets', await this.#renderTargets());
  }

  #installSoftware(): void {
    const path = softwarePath(this.#node.softwareRoot, SOFTWARE);
    mkdirSync(join(path, 'bin'), { recursive: true });
    writeFileSync(join(path, 'instance.cfg'), '[buildout]\nparts =\n');
    writeFileSync(join(path, 'bin', 'buildout'), BUILDOUT, { mode: 0o755 });
    const { gid, uid } = statSync(this.#node.softwareRoot);
    for (const name of ['', 'bin', 'instance.cfg', 'bin/buildout']) {
      chownSync(join(path, name), uid, gid);
    }
  }

  #setService(index: number, name: string, command: string): void {
    const folder = join(FOLDER, 'services', `slappart${index}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });
  }

  #writeOwn(index: number, name: string, mode: number): void {
    const path = this.#node.path(`slappart${index}`, name);
    const { gid, uid } = statSync(dirname(path));
    writeFileSync(path, 'mine\n');
    chmodSync(path, mode);
    chownSync(path, uid, gid);
  }

  /** What `node format` gave the partition whose things are tried. */
  #resource(): { address: string; ipv6: string; tap: string } {
    const text = this.#node.read('slappart1', '.slapos-resource');
    const resource = JSON.parse(text) as {
      address_list: ReadonlyArray<{ addr: string }>;
      tap: { name: string };
    };
    const addresses = resource.address_list.map(({ addr }) => addr);
    const [address = '', ipv6 = ''] = [/\./, /:/].map((kind) =>
      addresses.find((one) => kind.test(one)),
    );
    return { address, ipv6, tap: resource.tap.name };
  }

  async #startCollector(): Promise<void> {
    const { config, environment, instanceRoot } = this.#node;
    const listen = ['--listen', `127.0.0.1:${COLLECTOR_PORT}`];
    const words = [SLAPOS, 'node', 'collect', '--daemon', ...listen, '--cfg', config];
    this.#collector = spawn(process.execPath, words, { env: environment, stdio: 'ignore' });
    const socket = daemonSocket(instanceRoot);
    await until(() => readPartitions(socket).catch(() => undefined), 'the collector');
  }

  async #renderTargets(): Promise<string> {
    const { instanceRoot, softwareRoot } = this.#node;
    const paths = supervisorPaths(instanceRoot);
    const { address, ipv6, tap } = this.#resource();
    const log = this.#log(1, 'hold');
    const held = await until(
      () => /held pid=(\d+) key=(\d+)/.exec(readFileSync(log, 'utf8')) ?? undefined,
      'the service that holds things',
    );
    const targets = {
      other: this.#node.path('slappart1'),
      'other-log': log,
      release: softwarePath(softwareRoot, SOFTWARE),
      'software-root': softwareRoot,
      'instance-root': instanceRoot,
      'sv-sock': paths.socket,
      collector: join(instanceRoot, 'var/data-log/collector.db'),
      'proxy-database': join(FOLDER, 'proxy.db'),
      'panel-token': join(FOLDER, 'panel-token'),
      'proxy-port': PORT,
      'held-pid': held[1],
      'held-key': held[2],
      'keeper-pid': readFileSync(paths.pidFile, 'utf8').trim(),
      'other-address': address,
      'other-ipv6': ipv6,
      'other-tap': tap,
      'other-port': HELD_PORT,
    };
    const lines = Object.entries(targets).map(([name, value]) => `${name} ${value}\n`);
    return lines.join('');
  }

  #log(index: number, service: string): string {
    return this.#node.path(`slappart${index}`, `.slappart${index}_${service}.log`);
  }

  async #pass(): Promise<void> {
    await this.#node.ours('node', 'instance', '--now', '--all');
  }

  /** What a service of a partition can do under a profile. */
  async tryAsService(profile: 'default' | 'strict'): Promise<Outcomes> {
    const { config } = this.#node;
    const text = readFileSync(config, 'utf8').replace(/^service_profile.*\n/m, '');
    writeFileSync(config, text.replace('[slapos]\n', `[slapos]\nservice_profile = ${profile}\n`));
    await this.#pass();
    const log = this.#log(0, 'probe');
    const before = readFileSync(log, 'utf8').length;
    const name = 'slappart0:probe-on-watch';
    await this.#client.call('supervisor.stopProcess', name).catch(() => undefined);
    await this.#client.call('supervisor.startProcess', name).catch(() => undefined);
    const text2 = await until(() => {
      const told = readFileSync(log, 'utf8').slice(before);
      return /^done$/m.test(told) ? told : undefined;
    }, `the attempts of a service in the ${profile} profile`).catch((error: Error) => {
      throw new Error(`${error.message}: ${readFileSync(log, 'utf8').slice(before)}`);
    });
    return parseOutcomes(text2.slice(0, text2.indexOf('done\n')));
  }

  /** What a user of the machine can do who has nothing to do with the node. */
  tryAsStranger(): Outcomes {
    const who = { uid: NOBODY, gid: NOBODY, cwd: '/tmp', encoding: 'utf8' } as const;
    return parseOutcomes(execFileSync(this.#program, [`${FOLDER}/targets`], who));
  }

  async remove(): Promise<void> {
    this.#client.close();
    if (this.#collector !== undefined) {
      const ended = once(this.#collector, 'exit');
      this.#collector.kill('SIGTERM');
      await ended;
    }
    await this.#node.remove();
    const left = ['/tmp/slapos-held', '/tmp/written', '/dev/shm/slapos-held'];
    for (const path of left) rmSync(path, { force: true });
    removeInteropBridge();
    for (const [path, content] of this.#accounts) writeFileSync(path, content);
  }
}
