/**
 * One partition in a temporary folder, with the real runners: as an ordinary user it belongs to us,
 * as root to an unprivileged user.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGridOptions } from '../../src/config/grid-options.ts';
import { parseConfig } from '../../src/config/read.ts';
import { errorMessage } from '../../src/errors/slapos-error.ts';
import type { GridContext } from '../../src/grid/context.ts';
import { createGridHost } from '../../src/host/create-grid-host.ts';
import type { PromiseCheck } from '../../src/promise/check.ts';
import { runPromises } from '../../src/promise/run-promises.ts';
import type { PromiseMode } from '../../src/promise/schedule.ts';
import { createFakeMaster } from './fake-master.ts';
import { recordingLogger } from './grid-site.ts';

const NOBODY = 65_534;

export interface PromiseSiteOptions {
  readonly timeoutSeconds?: number;
  readonly python?: string;
}

export interface SavedFile {
  readonly 'execution-time': number;
  readonly result: {
    readonly type: string;
    readonly failed: boolean;
    readonly date: string;
    readonly message: string;
  };
}

/** The text of a generated plugin. @param body of the class, indented by four spaces */
export function pythonPlugin(
  body: string,
  options: { extra?: string; head?: string } = {},
): string {
  return `import sys
sys.path[0:0] = []
${options.head ?? ''}
extra_config_dict = ${options.extra ?? '{}'}
for name in list(sys.modules):
    if 'slapos' in name or 'pkg_resources' in name:
        del sys.modules[name]
from zope.interface import implementer
from slapos.grid.promise import interface, GenericPromise, TestResult, AnomalyResult
@implementer(interface.IPromise)
class RunPromise(GenericPromise):
${body}
`;
}

export function createPromiseSite(options: PromiseSiteOptions = {}) {
  const root = mkdtempSync(join(tmpdir(), 'slapos-promise-'));
  chmodSync(root, 0o755);
  const instanceRoot = join(root, 'instance');
  const softwareRoot = join(root, 'software');
  const path = join(instanceRoot, 'slappart0');
  const softwarePath = join(softwareRoot, 'release');
  const isRoot = process.geteuid?.() === 0;
  const uid = isRoot ? NOBODY : (process.geteuid?.() ?? 0);
  const gid = isRoot ? NOBODY : (process.getegid?.() ?? 0);
  const give = (file: string) => {
    if (isRoot) lchownSync(file, uid, gid);
  };
  for (const folder of [join(instanceRoot, 'var', 'run'), path, join(softwarePath, 'bin')]) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  }
  chownSync(path, uid, gid);
  writeFileSync(
    join(softwarePath, 'bin', 'buildout'),
    `#!${options.python ?? '/usr/bin/python3'}\n`,
  );
  const log = recordingLogger();
  const master = createFakeMaster();
  const host = createGridHost();
  let commands = 0;
  const bangs: string[] = [];
  const text = `[slapos]\ncomputer_id = COMP-1\nmaster_url = http://master/\nsoftware_root = ${softwareRoot}\ninstance_root = ${instanceRoot}\npromise_timeout = ${options.timeoutSeconds ?? 20}\n`;
  const context = (clockMs?: number): GridContext => ({
    options: readGridOptions(parseConfig(text, 'slapos.cfg'), {}),
    master,
    host: {
      ...host,
      run: (command) => {
        commands += 1;
        return host.run(command);
      },
    },
    log,
    progress: () => {},
    env: { ...process.env, PYTHONPATH: '/x' },
    now: () => new Date(clockMs ?? Date.now()),
    random: Math.random,
    signal: new AbortController().signal,
    jobs: 2,
    managers: [],
    firewall: undefined,
  });
  const check = (mode: PromiseMode, isForced = mode === 'test'): PromiseCheck => ({
    folder: host.openFolder(path),
    owner: { uid, gid, groups: [gid], name: 'promises', home: path },
    log,
    partitionId: 'slappart0',
    mode,
    isForced,
    softwarePath,
    bang: async (message) => void bangs.push(message),
  });
  return {
    root,
    path,
    log,
    bangs,
    check,
    context,
    /** How many commands were started so far. */
    commandCount: () => commands,
    /** Writes a file as the partition would. */
    write(file: string, content: string, mode = 0o644) {
      const parts = file.split('/');
      parts.slice(0, -1).forEach((_, depth) => {
        const folder = join(path, ...parts.slice(0, depth + 1));
        if (existsSync(folder)) return;
        mkdirSync(folder);
        give(folder);
      });
      writeFileSync(join(path, file), content);
      chmodSync(join(path, file), mode);
      give(join(path, file));
    },
    plugin(name: string, body: string, extra?: { extra?: string; head?: string }) {
      this.write(`etc/plugin/${name}`, pythonPlugin(body, extra));
    },
    forget: (file: string) => rmSync(join(path, file)),
    exists: (file: string) => existsSync(join(path, file)),
    read: (file: string) => readFileSync(join(path, file), 'utf8'),
    result: (title: string): SavedFile =>
      JSON.parse(readFileSync(join(path, `.slapgrid/promise/result/${title}.status.json`), 'utf8')),
    cache: (title: string) =>
      JSON.parse(readFileSync(join(path, `.slapgrid/promise/cache/${title}`), 'utf8')),
    /** @returns the error's text, or undefined when all promises are kept. */
    async run(mode: PromiseMode, isForced?: boolean, clockMs?: number) {
      try {
        await runPromises(context(clockMs), check(mode, isForced));
        return undefined;
      } catch (error) {
        return errorMessage(error);
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export type PromiseSite = ReturnType<typeof createPromiseSite>;
