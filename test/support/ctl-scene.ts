/** A supervisor with services in every state, for comparing two clients that look at it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRpcFault, type RpcValue } from '../../src/supervisor/rpc/xml-rpc.ts';
import { type CommandResult, SupervisorRun, until } from './supervisor-run.ts';

interface Program {
  readonly command: string;
  readonly keys?: Readonly<Record<string, string>>;
}

const SLEEP = '/bin/sleep 1000';

function renderProgram(name: string, { command, keys = {} }: Program): string {
  const all = { command, autostart: 'false', startsecs: '0', startretries: '0', ...keys };
  const lines = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  return `[program:${name}]\n${lines.join('\n')}\n`;
}

/** Calls that bring the scene to its usual state, whatever was done to it. */
const USUAL: ReadonlyArray<readonly [string, ...RpcValue[]]> = [
  ['startProcess', 'g:a'],
  ['stopProcess', 'g:b'],
  ['startProcess', 'solo'],
  ['startProcess', 'g:echo'],
  ['stopProcess', 'g:stubborn'],
];

export class CtlScene {
  readonly run = new SupervisorRun();

  async open(): Promise<void> {
    await this.run.writeFiles();
    const script = join(this.run.root, 'talker');
    writeFileSync(script, '#!/bin/sh\necho hello\necho oops >&2\nexec sleep 1000\n');
    chmodSync(script, 0o755);
    writeFileSync(join(this.run.root, 'plain'), 'no program');
    this.write('main', this.programs(script));
    await this.run.ensure();
    await this.call('startProcess', 'g:never', false);
    await this.call('startProcess', 'g:fails', false);
    await this.call('startProcess', 'g:ended');
    await until(async () => {
      const states = new Map((await this.run.info()).map((info) => [info.name, info.statename]));
      const wanted = { ended: 'EXITED', fails: 'FATAL', again: 'BACKOFF', watchdog: 'RUNNING' };
      const isReady = Object.entries(wanted).every(([name, state]) => states.get(name) === state);
      return isReady ? true : undefined;
    }, 'the scene');
    await this.settle();
  }

  programs(talker: string): string {
    const log = (name: string) => join(this.run.root, `${name}.log`);
    const programs: Record<string, Program> = {
      a: { command: talker, keys: { stdout_logfile: log('a'), stderr_logfile: log('a.err') } },
      b: { command: SLEEP, keys: { redirect_stderr: 'true', stdout_logfile: log('b') } },
      missing: { command: '/nowhere/x', keys: { stdout_logfile: 'NONE', stderr_logfile: 'NONE' } },
      plain: { command: join(this.run.root, 'plain') },
      folder: { command: this.run.root },
      ended: { command: '/bin/true', keys: { autorestart: 'false' } },
      never: { command: SLEEP, keys: { startsecs: '100000' } },
      again: { command: '/nowhere/y', keys: { autostart: 'true', startretries: '1000' } },
      fails: {
        command: `/bin/sh -c 'printf "no \\033[31mluck\\007\\n"; exit 3'`,
        keys: { startsecs: '1', stdout_logfile: log('fails') },
      },
      quick: { command: "/bin/sh -c 'exit 3'", keys: { startsecs: '5' } },
      echo: {
        command: "/bin/sh -c 'while read line; do echo got $line; done'",
        keys: { stdout_logfile: log('echo') },
      },
      stays: {
        command: `/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'`,
        keys: { stopwaitsecs: '45', killasgroup: 'true', priority: '1' },
      },
      stubborn: {
        command: `/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'`,
        keys: { stopwaitsecs: '1', killasgroup: 'true' },
      },
    };
    const group = `[group:g]\nprograms=${Object.keys(programs).join(',')}\n`;
    const sections = Object.entries(programs).map(([name, one]) => renderProgram(name, one));
    const solo = renderProgram('solo', { command: SLEEP, keys: { priority: '5' } });
    return [group, ...sections, solo].join('\n');
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.run.paths.groupFolder, `${name}.conf`), text, { mode: 0o600 });
  }

  /** Calls a method; what it refuses does not matter. */
  async call(method: string, ...params: readonly RpcValue[]): Promise<void> {
    try {
      await this.run.client.call(`supervisor.${method}`, ...params);
    } catch (error) {
      if (!isRpcFault(error)) throw error;
    }
  }

  async settle(): Promise<void> {
    for (const [method, ...params] of USUAL) await this.call(method, ...params);
  }
}

/** What differs from one run to the next. */
export function maskRun({ status, stdout, stderr }: CommandResult): CommandResult {
  const text = stdout
    .replace(/pid +\d+, uptime [\d:]+/g, 'pid N, uptime T')
    .replace(/^\d{2,}$/gm, 'N')
    .replace(/\w{3} \d\d \d\d:\d\d [AP]M/g, 'TIME')
    .replace(/: file: .* line: \d+$/gm, ': file: F line: N');
  return { status, stdout: text, stderr };
}
