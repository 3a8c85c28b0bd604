/**
 * Real plugins of slapos.toolbox under our runner, with our own slapos.grid.promise and with that of
 * slapos.core, beside the launcher of slapos.core: the same results and scheduling files.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPeerPython } from '../support/peer-python.ts';
import { createPromiseSite, type PromiseSite } from '../support/promise-site.ts';

const peer = findPeerPython('slapos.promise.plugin.check_socket_listening');
const title = 'promises of slapos.toolbox';

/** Those that need other parts of slapos, or that have a base class of their own. */
const SLICE = [
  ...['audit_uptodate', 'check_certificate', 'check_free_disk_space', 'check_icmp_packet_lost'],
  ...['check_ram_usage', 'check_service_state', 'check_surykatka_json'],
];

interface Outcome {
  readonly results: Record<string, unknown>;
  readonly caches: Record<string, unknown>;
}

describe.skipIf('reason' in peer)(
  'reason' in peer ? `${title} [skipped: ${peer.reason}]` : title,
  () => {
    const python = 'python' in peer ? peer.python : '';
    let site: PromiseSite;
    let server: Server;
    let folder: string;
    let all: readonly string[];

    beforeAll(async () => {
      server = createServer((request, response) => {
        response.statusCode = request.url === '/fails' ? 503 : 200;
        response.end('hello');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      folder = ask('import slapos.promise.plugin as p; print(p.__path__[0])');
      const names = readdirSync(folder)
        .filter((name) => /^[a-z].*\.py$/.test(name) && name !== 'util.py')
        .map((name) => name.slice(0, -3));
      all = process.env['CAMPAIGN'] === 'full' ? names : SLICE;
      site = createPromiseSite({ python });
      writePlugins();
    });
    afterAll(() => {
      server.close();
      site.remove();
    });

    function ask(program: string): string {
      return spawnSync(python, ['-c', program], { encoding: 'utf8' }).stdout.trim();
    }

    /** As the recipe slapos.cookbook:promise.plugin generates it. */
    function generate(
      name: string,
      module: string,
      config: Readonly<Record<string, string>>,
    ): void {
      const pairs = Object.entries(config).map(([key, value]) => `'${key}': '${value}'`);
      site.write(
        `etc/plugin/${name}.py`,
        `# Generated
import sys
sys.path[0:0] = [${ask('import sys; print([p for p in sys.path if "site-packages" in p])').slice(1, -1)}]

extra_config_dict = { ${pairs.join(', ')} }

for module_name in list(sys.modules):
  if 'slapos' in module_name or 'pkg_resources' in module_name:
    del sys.modules[module_name]

from slapos.promise.plugin.${module} import RunPromise
`,
      );
    }

    function writePlugins(): void {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      for (const module of all) generate(`bare-${module}`, module, {});
      generate('url-good', 'check_url_available', { url: `${url}/`, frequency: '5' });
      generate('url-bad', 'check_url_available', { url: `${url}/fails` });
      generate('socket-good', 'check_socket_listening', { host: '127.0.0.1', port: String(port) });
      generate('socket-bad', 'check_socket_listening', { host: '127.0.0.1', port: '1' });
      generate('socket-wrong', 'check_socket_listening', { host: '127.0.0.1' });
      generate('command-good', 'check_command_execute', { command: '/bin/true' });
      generate('command-bad', 'check_command_execute', { command: '/bin/false' });
      generate('file-good', 'check_file_state', {
        filename: `${site.path}/there`,
        state: 'not-empty',
      });
      generate('file-bad', 'check_file_state', { filename: `${site.path}/gone`, state: 'empty' });
      site.write('there', 'text');
      site.write('etc/promise/legacy', '#!/bin/sh\necho an executable\n', 0o755);
      site.write('etc/promise/failing', '#!/bin/sh\necho no; exit 3\n', 0o755);
    }

    /** Dates, times and the numbers that change from one moment to the next are masked. */
    function collect(): Outcome {
      const state = join(site.path, '.slapgrid/promise');
      const results: Record<string, unknown> = {};
      for (const name of readdirSync(join(state, 'result')).sort()) {
        const text = readFileSync(join(state, 'result', name), 'utf8');
        const { result, ...facts } = JSON.parse(text);
        results[name] = {
          keys: [Object.keys(facts), Object.keys(result)],
          ...{ ...facts, 'execution-time': 0 },
          result: { ...result, date: 'DATE', message: mask(result.message) },
        };
      }
      const caches: Record<string, unknown> = {};
      for (const name of readdirSync(join(state, 'cache')).sort()) {
        // The wrapper of upstream is a module of its own.
        const isLegacy = ['legacy', 'failing'].includes(name);
        const cache = JSON.parse(readFileSync(join(state, 'cache', name), 'utf8'));
        const delay = Math.round(cache.next_run_after - cache.timestamp);
        const given = { ...cache, next_run_after: delay, timestamp: 0, module_file_mtime: 0 };
        caches[name] = isLegacy ? { ...given, module_file: '' } : given;
      }
      return { results, caches };
    }

    function mask(message: string): string {
      return String(message)
        .replace(/0x[0-9a-f]+/g, '0x0')
        .replace(/\d+([.,]\d+)?/g, 'N')
        .replace(/[ \t]+/g, '');
    }

    function forget(): void {
      rmSync(join(site.path, '.slapgrid'), { recursive: true, force: true });
    }

    /** The launcher of slapos.core, as the partition's user; asynchronous, since we serve it HTTP. */
    function runUpstream(...options: readonly string[]) {
      const { owner } = site.check('test');
      const state = join(site.path, '.slapgrid/promise');
      const script = ask('import slapos.grid.promise as p; print(p.__path__[0])');
      const words = [
        ...[join(script, 'runpromises.py'), '--promise-folder', join(site.path, 'etc/plugin')],
        ...['--legacy-promise-folder', join(site.path, 'etc/promise'), '--promise-timeout', '20'],
        ...['--partition-folder', site.path, '--log-folder', join(state, 'log')],
        ...['--master-url', 'http://master/', '--partition-cert', '', '--partition-key', ''],
        ...['--partition-id', 'slappart0', '--computer-id', 'COMP-1', ...options],
      ];
      return runAsPartition(words, owner);
    }

    function runAsPartition(words: readonly string[], owner: { uid: number; gid: number }) {
      const isRoot = process.geteuid?.() === 0;
      const env = { PATH: '/usr/bin:/bin', HOME: site.path, PYTHONNOUSERSITE: 'true' };
      const ids = isRoot ? { uid: owner.uid, gid: owner.gid } : {};
      return new Promise<{ status: number; stderr: string }>((resolve) => {
        execFile(python, words, { cwd: site.path, env, ...ids }, (error, _stdout, stderr) => {
          resolve({ status: error === null ? 0 : Number(error.code), stderr });
        });
      });
    }

    function useEggs(names: readonly string[]): void {
      const { softwarePath = '' } = site.check('test');
      const file = join(site.root, 'instance', 'var', 'run', 'slapos-promise-eggs.json');
      mkdirSync(join(site.root, 'instance', 'var', 'run'), { recursive: true });
      writeFileSync(file, JSON.stringify({ [softwarePath]: names.map((name) => `${name}.py`) }));
    }

    it('come to the same results and schedules as with upstream', {
      timeout: 300_000,
    }, async () => {
      const { status, stderr } = await runUpstream('--force');
      expect([status, stderr]).toEqual([2, expect.stringContaining('failed with output')]);
      const upstream = collect();
      expect(Object.keys(upstream.results).length).toBeGreaterThan(all.length);
      forget();
      const failure = await site.run('test');
      expect(failure).toMatch(/^Promise '.*' failed with output: /);
      const bundled = collect();
      expect(bundled).toEqual(upstream);
      forget();
      useEggs(readdirSync(join(site.path, 'etc/plugin')).map((name) => name.replace(/\.py$/, '')));
      await site.run('test');
      expect(collect()).toEqual(upstream);
    });

    it('are read and overwritten by upstream, and its files by us', async () => {
      forget();
      for (const name of readdirSync(join(site.path, 'etc/plugin'))) {
        if (name.startsWith('bare-')) rmSync(join(site.path, 'etc/plugin', name));
      }
      await site.run('test');
      const ours = collect();
      // Nothing is due for upstream either, and it counts what we saved as failed.
      const { status, stderr } = await runUpstream('--check-anomaly');
      expect([status, stderr]).toEqual([2, expect.stringContaining("Promise '")]);
      expect(collect()).toEqual(ours);
      expect((await runUpstream('--force')).status).toBe(2);
      expect(collect()).toEqual(ours);
      const readResultTime = () =>
        statSync(join(site.path, '.slapgrid/promise/result/file-good.status.json')).mtimeMs;
      const startedMs = readResultTime();
      const monitor = 'from slapos.monitor.runpromise import main; main()';
      const words = ['-p', site.path, '-f', '--master-url', 'http://master/', '--run-only', ''];
      const ids = ['--partition-id', 'slappart0', '--computer-id', 'COMP-1'];
      const none = ['--partition-cert', '', '--partition-key', ''];
      const { owner } = site.check('test');
      await runAsPartition(['-c', monitor, ...words, ...ids, ...none], owner);
      expect(readResultTime()).toBeGreaterThan(startedMs);
      expect(collect()).toEqual(ours);
      const before = site.commandCount();
      expect(await site.run('anomaly')).toMatch(/^Promise 'command-bad.py' failed with output: /);
      expect(site.commandCount()).toBe(before);
    });

    it('read their logs as upstream does', () => {
      const script = join(import.meta.dirname, '../support/promise-logs.py');
      const runner = join(import.meta.dirname, '../../promise-runner/python');
      const seed = String(Math.trunc(Math.random() * 1e6));
      const { status, stderr, stdout } = spawnSync(python, [script, runner, seed], {
        encoding: 'utf8',
      });
      expect([status, stdout, stderr], `seed ${seed}`).toEqual([0, '', '']);
    });
  },
);
