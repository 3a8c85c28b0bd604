/** The grid's calls against controllers that end in the middle of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectSupervisor } from '../../../src/instance/open-supervisor.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { SupervisorClient } from '../../../src/supervisor/client.ts';
import { encodeFault, encodeReply, encodeValue } from '../../../src/supervisor/rpc/xml-rpc.ts';

describe('calls of the grid', () => {
  let folder: string;
  let server: Server;
  let calls: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slapos-grid-calls-'));
    calls = 0;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  /** Ends the connection of the first calls, then answers. */
  async function connect(cutOff: number, answer: string) {
    const listener: RequestListener = (request, response) => {
      calls += 1;
      if (calls <= cutOff) request.socket.destroy();
      else response.end(answer);
    };
    const path = join(folder, 'sock');
    server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return connectSupervisor(new SupervisorClient(path), silentLogger);
  }

  it('are made again where a controller ended or handed over', async () => {
    const supervisor = await connect(1, encodeReply(encodeValue([])));
    expect([await supervisor.startGroup('g'), calls]).toEqual([true, 2]);
    supervisor.close();
  });

  it('are given up where each controller ends', async () => {
    const supervisor = await connect(99, '');
    await expect(supervisor.listStates()).rejects.toMatchObject({ code: 'SLAPOS_ERR_SUPERVISOR' });
    expect(calls).toBe(3);
    supervisor.close();
  });

  it('are not made again when they are refused', async () => {
    const supervisor = await connect(0, encodeFault(10, 'BAD_NAME: g'));
    expect([await supervisor.startGroup('g'), calls]).toEqual([false, 1]);
    supervisor.close();
  });

  it('are not made again where nobody listens', async () => {
    const supervisor = await connect(0, '');
    server.close();
    await expect(supervisor.startAll()).rejects.toThrow(/ENOENT|ECONNREFUSED/);
    expect(calls).toBe(0);
    supervisor.close();
  });
});
