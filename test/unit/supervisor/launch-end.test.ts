/** How long the end of a supervisor is waited for, on a clock that does not wait. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { ensureSupervisor, writeSupervisorFiles } from '../../../src/supervisor/launch.ts';
import { encodeFault } from '../../../src/supervisor/rpc/xml-rpc.ts';

const { slept } = vi.hoisted(() => ({ slept: [] as number[] }));
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => void slept.push(ms),
}));

let root: string;
let server: Server;
const files = createHostFiles();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-launch-end-'));
  slept.length = 0;
});
afterEach(() => {
  server.close();
  rmSync(root, { recursive: true });
});

const waitedMs = () => slept.reduce((sum, ms) => sum + ms, 0);

it('begins with the last word of a supervisor that took long to shut down', async () => {
  const node = { instanceRoot: root, masterUrl: 'http://m', computerId: 'COMP-1' };
  await writeSupervisorFiles({ files, ...node, watchdogProgram: '/opt/w' });
  server = createServer((request, response) => {
    if (waitedMs() < 20_000) return void response.end(encodeFault(6, 'SHUTDOWN_STATE'));
    if (waitedMs() >= 22_000) server.close();
    request.socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(join(root, 'sv.sock'), resolve));
  const launches: number[] = [];
  const launch = () => {
    launches.push(waitedMs());
    return Promise.reject(new Error('launched'));
  };
  const options = { files, instanceRoot: root, log: silentLogger, program: '/x/keeper', launch };
  await expect(ensureSupervisor(options)).rejects.toThrow('launched');
  expect(launches).toEqual([expect.toSatisfy((ms: number) => ms >= 22_000)]);
});
