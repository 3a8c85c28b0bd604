/** A real node with the example software, its Master and the collector's daemon, for the panel. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { daemonSocket, readPartitions } from '../../src/collect/daemon/daemon-client.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { RealNode } from './real-node.ts';
import { until } from './supervisor-run.ts';

const ROOT = '/srv/panel';
const ACCOUNT_FILES = ['passwd', 'shadow', 'group', 'gshadow'].map((name) => `/etc/${name}`);

/** What the example's software says of its parameters here. */
const DESCRIPTION = {
  'software.cfg.json': {
    name: 'hello',
    description: 'A page',
    serialisation: 'xml',
    'software-type': { default: { title: 'Page', request: 'input.json', response: 'output.json' } },
  },
  'input.json': {
    type: 'object',
    required: ['greeting'],
    properties: {
      greeting: { type: 'string', title: 'Greeting', pattern: '^[a-z]+$', maxLength: 20 },
    },
  },
  'output.json': {},
} as const;

export class PanelMachine {
  readonly node: RealNode;
  readonly softwareUrl: string;
  readonly #accounts = ACCOUNT_FILES.map((path) => [path, readFileSync(path)] as const);
  #collector: ChildProcess | undefined;

  constructor() {
    for (const words of ['link add br0 type bridge', 'link set br0 up']) ip(words);
    ip('address add 2001:db8:9::1/48 dev br0 nodad');
    mkdirSync(ROOT);
    this.node = new RealNode({
      folder: join(ROOT, 'node'),
      port: 5000,
      slapformat: { user_base_name: 'slapuser', partition_base_name: 'slappart' },
    });
    const script = join(packageRoot(), 'scripts', 'install-example.mjs');
    const words = [script, join(ROOT, 'hello')];
    this.softwareUrl = execFileSync(process.execPath, words, { encoding: 'utf8' }).trim();
    for (const [name, content] of Object.entries(DESCRIPTION)) {
      writeFileSync(join(dirname(this.softwareUrl), name), JSON.stringify(content));
    }
  }

  get url(): string {
    return `${this.node.masterUrl}panel/`;
  }

  /** Formats the node and builds the software. */
  async prepare(): Promise<void> {
    const { node } = this;
    await node.startProxy('ours');
    await node.ours('node', 'format', '--now');
    await node.ours('supply', this.softwareUrl, 'COMP-1');
    await node.ours('node', 'software', '--now');
    const slapos = join(packageRoot(), 'dist', 'bin', 'slapos.js');
    const words = ['node', 'collect', '--daemon', '--interval', '500ms', '--cfg', node.config];
    this.#collector = spawn(process.execPath, [slapos, ...words], {
      env: node.environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const socket = daemonSocket(node.instanceRoot);
    await until(() => readPartitions(socket).catch(() => undefined), 'the collector');
  }

  /** Adds a promise to a partition that does what its script says. */
  addPromise(partition: string, name: string, script: string): void {
    const path = this.node.path(partition, 'etc', 'promise', name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    const { uid, gid } = statSync(this.node.path(partition));
    chownSync(path, uid, gid);
  }

  async remove(): Promise<void> {
    if (this.#collector?.exitCode === null) {
      const ended = once(this.#collector, 'close');
      this.#collector.kill();
      await ended;
    }
    await this.node.remove();
    rmSync(ROOT, { recursive: true });
    ip('link delete br0');
    // Other tests share the namespace.
    for (const [path, content] of this.#accounts) writeFileSync(path, content);
  }
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '));
}
