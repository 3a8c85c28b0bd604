/** Starts and stops what the group files say, without a daemon: enough for passes over partitions. */
import { setMaxListeners } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../src/errors/slapos-error.ts';
import { runCommand } from '../../src/host/process/run-command.ts';
import { UserDirectory } from '../../src/host/user/user-directory.ts';
import type { ServiceSupervisor } from '../../src/instance/service-supervisor.ts';

/** The file of a partition may be removed meanwhile. */
function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export interface StandInSupervisor extends ServiceSupervisor {
  /** What was asked, in order. */
  readonly calls: string[];
  /** Groups that run. */
  running(): readonly string[];
  /** Ends everything. */
  stopAll(): Promise<void>;
}

export function createStandInSupervisor(instanceRoot: string): StandInSupervisor {
  const folder = join(instanceRoot, 'etc', 'supervisord.conf.d');
  const calls: string[] = [];
  const known = new Map<string, string>();
  const groups = new Map<
    string,
    { readonly stop: AbortController; readonly ended: Promise<unknown> }
  >();
  const stop = async (group: string) => {
    const running = groups.get(group);
    groups.delete(group);
    running?.stop.abort();
    await running?.ended;
  };
  return {
    calls,
    running: () => [...groups.keys()].sort(),
    async update() {
      calls.push('update');
      const files = readdirSync(folder).filter((name) => name.endsWith('.conf'));
      const texts = new Map<string, string>();
      for (const name of files) {
        const text = readIfPresent(join(folder, name));
        if (text !== undefined) texts.set(name.slice(0, -5), text);
      }
      for (const [group, text] of known) if (texts.get(group) !== text) await stop(group);
      known.clear();
      for (const [group, text] of texts) known.set(group, text);
      return [];
    },
    async startGroup(group) {
      calls.push(`startGroup ${group}`);
      const text = known.get(group);
      if (text === undefined) return false;
      if (groups.has(group)) return true;
      const controller = new AbortController();
      setMaxListeners(0, controller.signal);
      groups.set(group, { stop: controller, ended: startPrograms(text, controller.signal) });
      return true;
    },
    async startUnstarted(group) {
      calls.push(`startUnstarted ${group}`);
      return this.startGroup(group);
    },
    async startAll() {
      calls.push('startAll');
    },
    async listStates() {
      return new Map([...groups.keys()].map((group) => [`${group}:any`, 'RUNNING']));
    },
    async stopAll() {
      for (const group of [...groups.keys()]) await stop(group);
    },
    close() {},
  };
}

function startPrograms(text: string, signal: AbortSignal): Promise<unknown> {
  const value = (section: string, key: string) =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(section)?.[1] ?? '';
  const programs = text.split('\n\n').slice(1);
  const runs = programs.map((section) => {
    const user = new UserDirectory().identify(Number(value(section, 'user')));
    if (user === undefined) throw new Error(`no user ${value(section, 'user')}`);
    const command = [value(section, 'command')];
    return runCommand({ argv: command, cwd: value(section, 'directory'), env: {}, user, signal });
  });
  return Promise.allSettled(runs);
}
