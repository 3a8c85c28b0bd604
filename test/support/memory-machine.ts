/**
 * A machine in memory for passes of the grid: folders, commands and a supervisor, every operation of
 * which may be made to fail.
 */
import { Readable } from 'node:stream';
import { HostError } from '../../src/errors/slapos-error.ts';
import type { LookRequest, Looks } from '../../src/host/folder/look.ts';
import type { GridCommand, GridHost, OwnedFolder } from '../../src/host/grid-host.ts';
import type { FileStatus, WriteOptions } from '../../src/host/host.ts';
import type { ServiceSupervisor } from '../../src/instance/service-supervisor.ts';

interface Entry {
  kind: 'file' | 'directory' | 'link';
  text: string;
  mode: number;
  uid: number;
  gid: number;
  modifiedMs: number;
}

/** Asked before and after each operation; throws to make it fail. */
export type Gate = (operation: string, moment: 'before' | 'after') => void;

export class MemoryMachine {
  readonly entries = new Map<string, Entry>();
  /** Groups that run, with the text of the file that they were started from. */
  readonly running = new Map<string, string>();
  gate: Gate = () => {};
  /** Unix milliseconds. */
  nowMs = 1_000_000;
  /** What a command does to the machine. @returns its exit status */
  command: (argv: readonly string[], cwd: string) => number | Promise<number> = () => 0;
  readonly #known = new Map<string, string>();
  readonly #groupFolder: string;

  /** @param groupFolder where the supervisor has its groups from */
  constructor(groupFolder: string) {
    this.#groupFolder = groupFolder;
  }

  /** Puts a file, or changes one, without an operation. */
  put(path: string, text: string, options: Partial<Entry> = {}): void {
    const ids = { mode: 0o644, uid: 0, gid: 0 };
    this.entries.set(path, { kind: 'file', text, ...ids, modifiedMs: this.nowMs, ...options });
  }

  putFolder(path: string, options: Partial<Entry> = {}): void {
    this.put(path, '', { kind: 'directory', mode: 0o755, ...options });
  }

  /** Everything that lasts, but times, logs and notes of one pass, as lines that can be compared. */
  snapshot(): readonly string[] {
    // What the Master was told is forgotten whenever that is not certain.
    const passing = /\/\.slapos-request-|\/\.slapgrid\/log|\/slapos-told-states/;
    const lasting = [...this.entries].filter(([path]) => !passing.test(path));
    const files = lasting.map(([path, { gid, kind, mode, text, uid }]) => {
      const content = /\.log$|\/promise\/(cache|result)\/|master-answer/.test(path) ? '' : text;
      return `${path} ${kind} ${mode.toString(8)} ${uid}:${gid} ${JSON.stringify(content)}`;
    });
    const groups = [...this.running].map(([group, text]) => `running ${group} ${text}`);
    return [...files, ...groups].sort();
  }

  host(): GridHost {
    const host: GridHost = {
      isRoot: true,
      run: (command) => this.#run(command),
      renewFolder: async () => true,
      openFolder: (root, beneath) => {
        const { readStream, ...others } = this.#folder(beneath ? `${root}/${beneath}` : root);
        return { ...this.#gated('folder', others), readStream };
      },
      look: async (root, request) => this.#look(root, request),
      stat: async (path) => this.#status(this.#follow(path)),
      statHome: (folder) => host.stat(folder),
      async ownerOf(path) {
        const status = await host.stat(path);
        const { gid = 0, uid = 0 } = status ?? {};
        return { uid, gid, groups: [gid], name: `user${uid}`, home: path };
      },
      freeBytes: async () => 1e12,
      lockPartition: async () => () => {},
      endProcessesOf: async () => 0,
      syncFiles: async () => {},
      endUserProcesses: async () => ({ found: 0, left: 0, contained: 0 }),
      removeUserTraces: async () => ({ removed: [], failures: [] }),
    };
    const { openFolder, ...others } = host;
    return { ...this.#gated('host', others), openFolder };
  }

  #look(root: string, { folders = [], targets = [], texts = [] }: LookRequest): Looks {
    return {
      texts: texts.map((path) => {
        const entry = this.entries.get(`${root}/${path}`);
        return entry === undefined || entry.kind === 'file' ? entry : 'refused';
      }),
      folders: folders.map((path) => {
        const entry = this.entries.get(`${root}/${path}`);
        if (entry === undefined) return undefined;
        return entry.kind === 'directory' ? this.#names(`${root}/${path}`) : 'refused';
      }),
      targets: targets.map((path) => this.#status(this.#follow(`${root}/${path}`))),
    };
  }

  supervisor(): ServiceSupervisor {
    const start = (group: string) => {
      const text = this.#known.get(group);
      if (text !== undefined) this.running.set(group, text);
      return text !== undefined;
    };
    const supervisor: ServiceSupervisor = {
      update: async () => {
        this.#update();
        return [];
      },
      startGroup: async (group) => start(group),
      startUnstarted: async (group) => start(group),
      startAll: async () => {
        for (const group of this.#known.keys()) start(group);
      },
      listStates: async () => new Map([...this.running.keys()].map((id) => [id, 'RUNNING'])),
      close: () => {},
    };
    const { close, ...others } = supervisor;
    return { ...this.#gated('supervisor', others), close };
  }

  /** Like {@link supervisor}: the same object with its methods behind the gate. */
  #gated<Methods extends object>(name: string, methods: Methods): Methods {
    const gated = Object.entries(methods).map(([method, value]) => {
      if (typeof value !== 'function') return [method, value];
      const call = async (...args: unknown[]) => {
        const subject = args.find((arg) => typeof arg === 'string') ?? '';
        const operation = `${name}.${method} ${subject}`.trim();
        this.gate(operation, 'before');
        const result = await value(...args);
        this.gate(operation, 'after');
        return result;
      };
      return [method, call];
    });
    return Object.fromEntries(gated) as Methods;
  }

  async #run({ argv, cwd }: GridCommand) {
    const status = await this.command(argv, cwd);
    return { status, signal: 0, output: `${argv[0]}\n`, isTruncated: false, isTimedOut: false };
  }

  #update(): void {
    const prefix = `${this.#groupFolder}/`;
    this.#known.clear();
    for (const [path, { text }] of this.entries) {
      if (!path.startsWith(prefix) || !path.endsWith('.conf')) continue;
      this.#known.set(path.slice(prefix.length, -'.conf'.length), text);
    }
    for (const [group, text] of this.running) {
      if (this.#known.get(group) !== text) this.running.delete(group);
    }
  }

  #folder(root: string): OwnedFolder {
    const at = (path: string) => (path === '' || path === '.' ? root : `${root}/${path}`);
    const { entries } = this;
    const tree = (path: string) =>
      [...entries.keys()].filter((key) => key === path || key.startsWith(`${path}/`));
    return {
      path: root,
      readText: async (path) => this.#file(at(path))?.text,
      readTexts: async (paths) => paths.map((path) => this.#textOf(at(path))),
      readTail: async (path, bytes) => (this.#file(at(path))?.text ?? '').slice(-bytes),
      readSole: async (path) => {
        const text = this.#file(at(path))?.text;
        return text === undefined ? undefined : Buffer.from(text);
      },
      list: async (path) => this.#names(at(path)),
      stat: async (path) => this.#status(at(path)),
      write: async (path, text, options) => this.#write(at(path), text, options),
      append: async (path, text, options) => {
        this.#write(at(path), (this.#file(at(path))?.text ?? '') + text, options);
      },
      makeFolder: async (path, options) => this.#makeFolder(at(path), options),
      rename: async (path, name) => {
        const entry = entries.get(at(path));
        entries.delete(at(path));
        if (entry) entries.set(`${parentOf(at(path))}/${name}`, entry);
      },
      move: async (path, target) => {
        for (const key of tree(at(path))) {
          entries.set(at(target) + key.slice(at(path).length), entries.get(key) as Entry);
          entries.delete(key);
        }
      },
      writeStream: async (path, chunks, options) => {
        // As on the machine: a part of it stands there while it comes.
        this.#write(at(path), '', options);
        let text = '';
        for await (const chunk of chunks) text += Buffer.from(chunk).toString('latin1');
        this.#write(at(path), text, options);
      },
      openPart: async (path, options) => {
        if (this.#file(at(path)) === undefined) this.#write(at(path), '', options);
        const text = () => this.#file(at(path))?.text ?? '';
        return {
          read: () => Readable.from([Buffer.from(text(), 'latin1')]),
          append: async (chunk) => {
            this.#write(at(path), text() + Buffer.from(chunk).toString('latin1'), options);
          },
          clear: async () => this.#write(at(path), '', options),
          close: async () => {},
        };
      },
      readStream: (path) => {
        const text = this.#file(at(path))?.text ?? '';
        return Readable.from([Buffer.from(text, 'latin1')]);
      },
      setLink: async (path, target, owner) => {
        this.put(at(path), target, { kind: 'link', mode: 0o777, ...owner });
      },
      remove: async (path) => {
        for (const key of tree(at(path))) entries.delete(key);
      },
      empty: async (kept = []) => {
        for (const name of this.#names(root)) {
          if (!kept.includes(name)) for (const key of tree(at(name))) entries.delete(key);
        }
      },
    };
  }

  #file(path: string): Entry | undefined {
    const entry = this.entries.get(path);
    if (entry === undefined || entry.kind === 'file') return entry;
    throw new HostError('SLAPOS_ERR_UNSAFE_PATH', `${path} is no file`, { syscall: 'openat2' });
  }

  #textOf(path: string): string | HostError | undefined {
    try {
      return this.#file(path)?.text;
    } catch (error) {
      return error as HostError;
    }
  }

  #names(path: string): string[] {
    const keys = [...this.entries.keys()].filter((key) => parentOf(key) === path);
    return keys.map((key) => key.slice(path.length + 1)).sort();
  }

  #write(path: string, text: string, { mode, ...ids }: WriteOptions): void {
    this.#file(path);
    this.#expectParent(path);
    this.put(path, text, { mode, ...ids });
  }

  #makeFolder(path: string, { mode, ...ids }: WriteOptions): void {
    this.#expectParent(path);
    this.putFolder(path, { mode, ...ids });
  }

  #expectParent(path: string): void {
    if (this.entries.get(parentOf(path))?.kind === 'directory') return;
    throw new HostError('SLAPOS_ERR_FILE', `no folder for ${path}`, { syscall: 'openat2' });
  }

  #follow(path: string): string {
    const entry = this.entries.get(path);
    return entry?.kind === 'link' ? this.#follow(entry.text) : path;
  }

  #status(path: string): FileStatus | undefined {
    const entry = this.entries.get(path);
    if (entry === undefined) return undefined;
    const { gid, kind, mode, modifiedMs, text, uid } = entry;
    return { kind, mode, uid, gid, sizeBytes: text.length, modifiedMs };
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
