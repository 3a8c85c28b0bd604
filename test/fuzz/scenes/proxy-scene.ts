/** A proxy with its panel on loopback that every input finds as the one before found it. */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { PROXY_TABLES, tableName } from '../../../src/proxy/schema.ts';
import { renderSqlDump } from '../../../src/proxy/sql-dump.ts';
import { NO_WEB, type WebOptions } from '../../../src/proxy/web/web-options.ts';
import { FakeNode, partitionStatus, promise, service } from '../../support/panel-node.ts';
import { type PanelScene, startPanelScene } from '../../support/panel-scene.ts';
import { exchange, type RawAnswer } from '../driver/raw-exchange.ts';
import { ensure, ensureSame } from '../driver/target.ts';

/** Of the cache, and of the panel's public folder. */
export const CONTENT = 'the content of a release\n';
export const CONTENT_SHA512 = createHash('sha512').update(CONTENT).digest('hex');
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  contents: { [CONTENT_SHA512]: CONTENT },
  entries: { key: '[["{}", ""]]' },
  public: { 'a.txt': CONTENT },
};

/** Each upload waits for the disk, which others may keep busy. */
function keepInMemory(): void {
  const memory = '/dev/shm';
  const isThere = statSync(memory, { throwIfNoEntry: false })?.isDirectory() ?? false;
  // Of this thread only.
  if (isThere) process.env['TMPDIR'] = memory;
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-fuzz-'));
  for (const [name, files] of Object.entries(FILES)) {
    mkdirSync(join(folder, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  }
  return folder;
}

function webOf(folder: string): WebOptions {
  const [contentFolder, metadataFolder] = [join(folder, 'contents'), join(folder, 'entries')];
  const shacache = { ...NO_WEB.shacache, contentFolder, metadataFolder };
  return { ...NO_WEB, publicFolder: join(folder, 'public'), shacache };
}

function makeNode(): FakeNode {
  const view = new FakeNode();
  view.logs = { 'a.log': ['line'] };
  const [services, promises] = [[service('a', 'RUNNING')], [promise('p', true, '<b>')]];
  view.partitions = [partitionStatus('slappart0', { services, promises })];
  return view;
}

export class ProxyScene {
  readonly #scene: PanelScene;
  readonly #folder: string;
  readonly #writer: Sqlite.Database;
  readonly #reader: Sqlite.Database;
  readonly #start: string;
  #version: unknown;
  #content: string;

  private constructor(scene: PanelScene, folder: string) {
    this.#scene = scene;
    this.#folder = folder;
    this.#writer = new Sqlite(scene.database);
    this.#writer.exec(`ATTACH '${join(scene.folder, 'template.db')}' AS template`);
    for (const name of tableNames()) {
      this.#writer.exec(`CREATE TABLE template.${name} AS SELECT * FROM main.${name}`);
    }
    this.#reader = new Sqlite(scene.database, { readonly: true });
    this.#start = renderSqlDump(this.#reader);
    this.#content = this.#start;
    this.#version = this.#dataVersion();
  }

  static async start(): Promise<ProxyScene> {
    keepInMemory();
    const folder = makeFolder();
    const proxy = { web: webOf(folder), clock: () => 1_700_000_000 };
    const scene = await startPanelScene({ view: makeNode(), partitionCount: 3, proxy });
    await scene.request('root', { parameters: { a: 'b' } });
    await scene.request('shared', { isShared: true });
    scene.said.length = 0;
    return new ProxyScene(scene, folder);
  }

  /** What the servers said of what went wrong. */
  takeSaid(): readonly string[] {
    return this.#scene.said.splice(0);
  }

  ask(text: string): Promise<RawAnswer> {
    const { hostname, port } = new URL(this.#scene.url);
    return exchange({ host: hostname, port: Number(port) }, text);
  }

  /** Whether something that is kept changed since it was asked last. */
  hasChanged(): boolean {
    const version = this.#dataVersion();
    if (version === this.#version) return false;
    this.#version = version;
    const before = this.#content;
    this.#content = renderSqlDump(this.#reader);
    return before !== this.#content;
  }

  /** Everything as in the beginning. @throws Broken for a file that no cache has */
  async reset(): Promise<void> {
    await this.#awaitEnds();
    ensureSame(readdirSync(this.#folder).sort(), Object.keys(FILES).sort(), 'folders');
    for (const [name, files] of Object.entries(FILES)) this.#resetFolder(name, files);
    this.hasChanged();
    if (this.#content === this.#start) return;
    const statements = tableNames().map(
      (name) =>
        `DELETE FROM main.${name}; INSERT INTO main.${name} SELECT * FROM template.${name};`,
    );
    this.#writer.exec(`BEGIN IMMEDIATE; ${statements.join(' ')} COMMIT`);
    this.hasChanged();
    ensure(this.#content === this.#start, 'the scene is not what it was');
  }

  /** What was being stored of a request that was cut off goes, a moment later. */
  async #awaitEnds(): Promise<void> {
    const contents = join(this.#folder, 'contents');
    for (let left = 2000; left > 0; left -= 1) {
      if (!readdirSync(contents).some((file) => file.startsWith('.'))) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async close(): Promise<void> {
    this.#writer.close();
    this.#reader.close();
    await this.#scene.close();
    rmSync(this.#folder, { recursive: true });
  }

  #resetFolder(name: string, files: Readonly<Record<string, string>>): void {
    const folder = join(this.#folder, name);
    for (const file of readdirSync(folder)) {
      const isHere = Object.hasOwn(files, file);
      if (name === 'contents') ensure(/^[0-9a-f]{128}$/.test(file), `a content named ${file}`);
      else ensure(isHere || (name === 'entries' && !file.startsWith('.')), `${name} has ${file}`);
      if (!isHere) rmSync(join(folder, file));
    }
    for (const [file, text] of Object.entries(files)) {
      if (name === 'entries') writeFileSync(join(folder, file), text);
      else ensure(readFileSync(join(folder, file), 'utf8') === text, `${name}/${file} changed`);
    }
  }

  #dataVersion(): unknown {
    return this.#reader.pragma('data_version', { simple: true });
  }
}

function tableNames(): string[] {
  return PROXY_TABLES.map((table) => tableName(table));
}
