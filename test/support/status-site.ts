/** An instance root in a temporary folder, and the sources of its status. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { StatusSettings } from '../../src/status/settings.ts';
import {
  createStatusHost,
  openStatusSources,
  type StatusHost,
  type StatusSources,
} from '../../src/status/sources.ts';
import type { SupervisorCaller } from '../../src/status/supervised-services.ts';
import type { ProcessInfo } from '../../src/supervisor/client.ts';

export const RESULTS = '.slapgrid/promise/result';
export const PROMISE_LOGS = '.slapgrid/promise/log';

/** What a promise leaves behind. */
export function renderResult(message: string, failed = false): string {
  return JSON.stringify({
    title: 'of-another',
    name: 'of-another.py',
    path: '/srv/slapgrid/slappart9/etc/plugin/of-another.py',
    'execution-time': 0.25,
    result: { type: 'Test Result', failed, date: '2026-11-20T23:32:12+0000', message },
  });
}

export function processInfo(given: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    name: 'httpd',
    group: 'slappart0',
    start: 100,
    stop: 0,
    now: 200,
    state: 20,
    statename: 'RUNNING',
    spawnerr: '',
    exitstatus: 0,
    logfile: '',
    stdout_logfile: '',
    stderr_logfile: '',
    pid: 42,
    description: 'pid 42, uptime 0:01:40',
    ...given,
  };
}

/** A supervisor that answers by method. */
export function fakeSupervisor(
  answers: Readonly<Record<string, (...params: readonly unknown[]) => unknown>>,
): SupervisorCaller & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    async callWithin<T>(_: number, method: string, ...params: readonly unknown[]): Promise<T> {
      calls.push(method);
      const answer = answers[method];
      if (answer === undefined) throw new Error(`no ${method}`);
      return (await answer(...params)) as T;
    },
    close() {
      calls.push('close');
    },
  };
}

export class StatusSite {
  readonly root = mkdtempSync(join(tmpdir(), 'slapos-status-'));
  readonly #opened: StatusSources[] = [];

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** Makes the folders on the way. */
  write(path: string, content: string | Uint8Array): string {
    const file = this.path(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  open(host: Partial<StatusHost> = {}, settings: Partial<StatusSettings> = {}): StatusSources {
    const sources = openStatusSources(
      {
        instanceRoot: this.root,
        computerId: 'COMP-1',
        masterUrl: 'http://127.0.0.1:5000/',
        partitionBase: 'slappart',
        partitionAmount: undefined,
        ...settings,
      },
      { ...createStatusHost(), ...host },
    );
    this.#opened.push(sources);
    return sources;
  }

  remove(): void {
    for (const sources of this.#opened) sources.close();
    rmSync(this.root, { recursive: true });
  }
}
