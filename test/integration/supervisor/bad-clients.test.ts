/** Clients that misbehave and sockets that cannot be, each with the real daemon. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { launchDaemon } from '../../../src/host/keeper/daemon-launcher.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { ensureSupervisor, writeSupervisorFiles } from '../../../src/supervisor/launch.ts';
import { supervisorPaths } from '../../../src/supervisor/layout.ts';
import { requires } from '../../support/requires.ts';
import { SupervisorRun, until } from '../../support/supervisor-run.ts';

const SLEEP = '/bin/sleep 1000';

/** A socket file whose server is gone. */
function leaveSocket(path: string): void {
  const script =
    'require("net").createServer().listen(process.argv[1],()=>process.kill(process.pid,9))';
  spawnSync(process.execPath, ['-e', script, path]);
}

requires('root', 'netns')('a supervisor with bad clients and places', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.writeFiles();
  });

  afterEach(() => run.stop());

  const call = <T>(method: string, ...params: Array<string | number | boolean>) =>
    run.client.call<T>(`supervisor.${method}`, ...params);
  /** Kilobytes of the controller. */
  const rssKb = () => {
    const text = readFileSync(`/proc/${run.controllerPid()}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]);
  };

  describe('in what clients send', () => {
    const sockets: Socket[] = [];

    afterEach(() => {
      for (const socket of sockets) socket.destroy();
    });

    function connect(): Socket {
      const socket = createConnection(run.paths.socket);
      socket.on('error', () => {});
      sockets.push(socket);
      return socket;
    }

    const head = (length: number) =>
      `POST /RPC2 HTTP/1.1\r\nHost:\r\nContent-Length: ${length}\r\n\r\n`;

    it('half a request, 100 MB, or never reads: memory stays, others are served', {
      timeout: 120_000,
    }, async () => {
      run.writeGroup('g', { a: SLEEP });
      await run.ensure();
      await run.info();
      const before = rssKb();
      const halves = Array.from({ length: 200 }, (_, index) => {
        const socket = connect();
        socket.write(index % 2 === 0 ? 'POST /RPC2 HT' : `${head(1000)}<methodCall>`);
        return socket.resume();
      });
      const block = Buffer.alloc(2 ** 20, 'x');
      for (let client = 0; client < 4; client += 1) {
        const socket = connect();
        socket.write(head(100 * 2 ** 20));
        for (let count = 0; count < 100; count += 1) socket.write(block);
      }
      const body = '<methodCall><methodName>supervisor.getAllConfigInfo</methodName></methodCall>';
      for (let client = 0; client < 20; client += 1) {
        const socket = connect();
        socket.pause();
        for (let count = 0; count < 2000; count += 1) socket.write(`${head(body.length)}${body}`);
      }
      for (let count = 0; count < 40; count += 1) {
        const started = performance.now();
        expect((await run.services())[0]?.statename).toBe('STOPPED');
        expect(performance.now() - started).toBeLessThan(3000);
        await sleep(50);
      }
      expect(rssKb() - before).toBeLessThan(250_000);
      // Half requests are let go after 30 s.
      await until(
        () => (halves.every((socket) => socket.destroyed) ? true : undefined),
        'the end of half requests',
        60_000,
      );
      expect((await run.services())[0]?.statename).toBe('STOPPED');
    });
  });

  describe('in where it shall listen', () => {
    it('refuses beside a foreign supervisord, which stays as it is', async () => {
      const foreign = createServer((socket) => {
        socket.on('error', () => {}).end('HTTP/1.0 200 OK\r\n\r\n');
      });
      await new Promise<void>((resolve) => foreign.listen(run.paths.socket, resolve));
      writeFileSync(run.paths.pidFile, '4242\n');
      const { ino } = statSync(run.paths.socket);
      await expect(run.ensure()).rejects.toMatchObject({ code: 'SLAPOS_ERR_SUPERVISOR_FOREIGN' });
      // Nor does the keeper itself start, when nobody looked before.
      const outputs: string[] = [];
      const launched = ensureSupervisor({
        log: silentLogger,
        instanceRoot: run.root,
        files: { ...createHostFiles(), stat: async (path) => statHidingSockets(path) },
        launch: async (...args) => {
          const outcome = await launchDaemon(...args);
          outputs.push(`${outcome.status} ${outcome.output}`);
          return outcome;
        },
      });
      await expect(launched).rejects.toMatchObject({ code: 'SLAPOS_ERR_SUPERVISOR_FOREIGN' });
      expect(outputs).toEqual([
        expect.stringMatching(/^2 Error: Another program is already listening on a port/),
      ]);
      expect(statSync(run.paths.socket).ino).toBe(ino);
      expect(readFileSync(run.paths.pidFile, 'utf8')).toBe('4242\n');
      rmSync(run.paths.pidFile);
      foreign.close();
    });

    const statHidingSockets = (path: string) =>
      path.endsWith('.sock') ? undefined : createHostFiles().stat(path);

    it('takes the place of a socket that nobody serves any more', async () => {
      leaveSocket(run.paths.socket);
      await run.ensure();
      expect(await call('getVersion')).toBe('3.0');
    });

    it('refuses a file in its place', async () => {
      writeFileSync(run.paths.socket, 'precious');
      await expect(run.ensure()).rejects.toThrow(/exists and is not a socket/);
      expect(readFileSync(run.paths.socket, 'utf8')).toBe('precious');
    });

    /** An instance root whose socket has a path of so many bytes. */
    async function deep(length: number) {
      const start = run.root.length + '/sv.sock'.length;
      const root = `${run.root}/${'d'.repeat(length - start - 1)}`;
      mkdirSync(root);
      const options = { files: createHostFiles(), instanceRoot: root };
      await writeSupervisorFiles({ ...options, masterUrl: 'http://127.0.0.1:1/', computerId: 'C' });
      return { ...options, log: silentLogger };
    }

    it('serves a socket with a path of 107 bytes, and says that 108 are too many', async () => {
      const options = await deep(107);
      const socket = await ensureSupervisor(options);
      expect(socket).toHaveLength(107);
      process.kill(Number(readFileSync(supervisorPaths(options.instanceRoot).pidFile, 'utf8')));
      await until(
        () => statSync(socket, { throwIfNoEntry: false }) === undefined || undefined,
        'end',
      );
      const error = await ensureSupervisor(await deep(108)).catch((each: Error) => each);
      expect(error).toMatchObject({
        code: 'SLAPOS_ERR_SUPERVISOR_CONFIG',
        message: expect.stringContaining('has 108 bytes, 107 at most'),
      });
    });
  });
});
