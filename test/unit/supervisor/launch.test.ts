import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { parseEnvironment } from '../../../src/supervisor/configuration/environment.ts';
import {
  type EnsureSupervisorOptions,
  ensureSupervisor,
  writeSupervisorFiles,
} from '../../../src/supervisor/launch.ts';
import {
  renderWatchdogCommand,
  renderWatchdogEnvironment,
} from '../../../src/supervisor/layout.ts';
import {
  decodeCall,
  encodeFault,
  encodeReply,
  encodeValue,
  type RpcValue,
} from '../../../src/supervisor/rpc/xml-rpc.ts';
import { recordingLogger } from '../../support/grid-site.ts';

let root: string;
let server: Server | undefined;
const calls: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-launch-'));
  calls.length = 0;
});

afterEach(() => {
  server?.closeAllConnections?.();
  server?.close();
  server = undefined;
  rmSync(root, { recursive: true });
});

function writeFiles() {
  const files = createHostFiles();
  const watchdogProgram = '/opt/w';
  const node = { instanceRoot: root, masterUrl: 'http://m/%', computerId: 'COMP-1' };
  return writeSupervisorFiles({ files, ...node, watchdogProgram });
}

/** A daemon that answers from a table; a function may answer differently each time. */
function serve(answers: Record<string, (count: number) => RpcValue | { fault: [number, string] }>) {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, params } = decodeCall(Buffer.concat(chunks).toString());
    const name = method.replace('supervisor.', '');
    calls.push([name, ...params].join(' '));
    const other = name === 'slapos.getConfigProblems' ? [] : true;
    const answer = answers[name]?.(calls.filter((each) => each.startsWith(name)).length) ?? other;
    const refusal = (answer as { fault?: [number, string] }).fault;
    response.end(
      refusal === undefined
        ? encodeReply(encodeValue(answer as RpcValue))
        : encodeFault(...refusal),
    );
  });
  return new Promise<void>((resolve) => server?.listen(join(root, 'sv.sock'), resolve));
}

function ensure(launch?: EnsureSupervisorOptions['launch']) {
  const files = createHostFiles();
  const refuse: EnsureSupervisorOptions['launch'] = () => {
    throw new Error('launched');
  };
  const options = { files, instanceRoot: root, log: silentLogger, program: '/x/keeper' };
  return ensureSupervisor({ ...options, launch: launch ?? refuse });
}

/** Something that says the same to everybody. */
function serveRaw(answer: string) {
  const raw = createTcpServer((socket) => void socket.on('error', () => {}).end(answer));
  server = raw as Server;
  return new Promise<void>((resolve) => raw.listen(join(root, 'sv.sock'), resolve));
}

const HTML = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>';

const UP = { statecode: 1, statename: 'RUNNING' };

describe('writeSupervisorFiles', () => {
  it('makes the folders with their modes and the main file of upstream', async () => {
    const paths = await writeFiles();
    const mode = (name: string) => statSync(join(root, name)).mode & 0o777;
    expect(['var', 'var/log', 'var/run', 'etc', 'etc/supervisord.conf.d'].map(mode)).toEqual([
      0o755, 0o700, 0o700, 0o700, 0o700,
    ]);
    expect(mode('etc/supervisord.conf')).toBe(0o600);
    const text = readFileSync(paths.configuration, 'utf8');
    expect(text).toContain(`[unix_http_server]\nfile=${root}/sv.sock\nchmod=0700\n`);
    expect(text).toContain(
      `[eventlistener:watchdog]\ncommand=/opt/w --master-url 'http://m/%%'  --computer-id 'COMP-1' --instance-root '${root}'\nevents=PROCESS_STATE_EXITED, PROCESS_STATE_FATAL\n`,
    );
  });

  it('writes the main file again only when content or mode differ', async () => {
    const { configuration } = await writeFiles();
    const ino = () => statSync(configuration).ino;
    const first = ino();
    await writeFiles();
    expect(ino()).toBe(first);
    chmodSync(configuration, 0o644);
    await writeFiles();
    expect(statSync(configuration).mode & 0o777).toBe(0o600);
  });

  it('uses the legacy socket while that file exists', async () => {
    writeFileSync(join(root, 'supervisord.socket'), '');
    const { configuration } = await writeFiles();
    expect(readFileSync(configuration, 'utf8')).toContain(
      `serverurl = unix://${root}/supervisord.socket`,
    );
  });

  it('names the certificate repository in the watchdog line', () => {
    const line = renderWatchdogCommand({
      program: '/opt/slapos/bin/slapos-watchdog',
      masterUrl: 'https://m',
      computerId: 'C',
      certificateRepositoryPath: '/etc/pki',
      instanceRoot: '/srv',
    });
    expect(line).toBe(
      "/opt/slapos/bin/slapos-watchdog --master-url 'https://m'  --certificate-repository-path '/etc/pki' --computer-id 'C' --instance-root '/srv'",
    );
  });
});

describe('the environment of the watchdog', () => {
  it('is empty unless the Master needs other trust, and survives odd names', () => {
    expect(renderWatchdogEnvironment({})).toBe('');
    expect(renderWatchdogEnvironment({ isMasterVerified: true })).toBe('');
    expect(
      renderWatchdogEnvironment({ masterCaFile: '/a b,=%.pem', isMasterVerified: false }),
    ).toBe('SLAPOS_MASTER_CA_FILE="/a b,=%.pem",SLAPOS_MASTER_TLS_VERIFY=false');
    expect(renderWatchdogEnvironment({ masterCaFile: '/a"b' })).toBe(
      `SLAPOS_MASTER_CA_FILE='/a"b'`,
    );
    expect(() => renderWatchdogEnvironment({ masterCaFile: `/a"'` })).toThrow('both quotes');
    for (const masterCaFile of ['/a b,=%.pem', '/a"b', "/a'b"]) {
      const parsed = parseEnvironment(renderWatchdogEnvironment({ masterCaFile }));
      expect([...parsed]).toEqual([['SLAPOS_MASTER_CA_FILE', masterCaFile]]);
    }
  });
});

describe('ensureSupervisor', () => {
  it('does nothing when the daemon and its watchdog run', async () => {
    await serve({ getState: () => UP, getProcessInfo: () => ({ state: 20 }) });
    expect(await ensure()).toBe(join(root, 'sv.sock'));
    expect(calls).toEqual(['getState', 'getProcessInfo watchdog']);
  });

  it('warns when it is to run in the foreground and runs elsewhere already', async () => {
    await serve({ getState: () => UP, getProcessInfo: () => ({ state: 20 }), getPID: () => 4711 });
    const warnings: string[] = [];
    const log = { ...silentLogger, warning: (message: string) => void warnings.push(message) };
    const options = { files: createHostFiles(), instanceRoot: root, log, program: '/x/keeper' };
    const launch = () => Promise.reject(new Error('launched'));
    await ensureSupervisor({ ...options, launch });
    expect(warnings).toEqual([]);
    await ensureSupervisor({ ...options, launch, isForeground: true });
    expect(warnings).toEqual([
      expect.stringContaining('runs already, as process 4711, outside of this unit'),
    ]);
    expect(warnings[0]).toContain('`slapos node supervisorctl shutdown`');
  });

  it('starts a watchdog that does not run', async () => {
    await serve({ getState: () => UP, getProcessInfo: () => ({ state: 200 }) });
    await ensure();
    expect(calls).toEqual([
      'getState',
      'getProcessInfo watchdog',
      'removeProcessGroup watchdog',
      'reloadConfig',
      'addProcessGroup watchdog',
    ]);
  });

  it('leaves a watchdog alone that another pass starts at the same moment', async () => {
    const refusal = (code: number) => ({ fault: [code, 'fault'] as [number, string] });
    await serve({
      getState: () => UP,
      getProcessInfo: () => ({ state: 200 }),
      addProcessGroup: () => refusal(90),
    });
    expect(await ensure()).toBe(join(root, 'sv.sock'));
  });

  it('leaves a watchdog alone that runs again by the time it would be removed', async () => {
    await serve({
      getState: () => UP,
      getProcessInfo: () => ({ state: 200 }),
      removeProcessGroup: () => ({ fault: [91, 'STILL_RUNNING'] as [number, string] }),
    });
    await ensure();
    expect(calls).not.toContain('addProcessGroup watchdog');
  });

  it('waits while the daemon shuts down', async () => {
    const state = (count: number) => {
      return count <= 3 ? { fault: [6, 'SHUTDOWN_STATE'] as [number, string] } : UP;
    };
    await serve({ getState: state, getProcessInfo: () => ({ state: 20 }) });
    await ensure();
    expect(calls.slice(0, 5)).toEqual([
      'getState',
      'getState',
      'getState',
      'getState',
      'getProcessInfo watchdog',
    ]);
  });

  const ENDING = { fault: [6, 'SHUTDOWN_STATE'] as [number, string] };

  it('starts another one where shutting down begins as the watchdog is looked at', async () => {
    await writeFiles();
    const end = () => {
      server?.close();
      server?.closeAllConnections();
      return ENDING;
    };
    const getState = (count: number) => [UP, ENDING][count - 1] ?? end();
    await serve({ getState, getProcessInfo: () => ENDING });
    let launches = 0;
    await ensure(async () => {
      launches += 1;
      await serve({ getState: () => UP });
      return { status: 0, output: '' };
    });
    expect(launches).toBe(1);
    expect(calls.slice(0, 3)).toEqual(['getState', 'getProcessInfo watchdog', 'getState']);
  });

  it('waits where a connection is taken and ends without a word', async () => {
    await serveRaw('');
    const raw = server;
    let connections = 0;
    raw?.on('connection', () => {
      connections += 1;
      if (connections === 3) raw?.close();
    });
    await writeFiles();
    await ensure(async () => {
      expect(connections).toBe(3);
      await serve({ getState: () => UP });
      return { status: 0, output: '' };
    });
    expect(connections).toBe(3);
  });

  it('says so where each one that is started is shut down', async () => {
    await writeFiles();
    await serve({ getState: () => UP, getProcessInfo: () => ENDING });
    await expect(ensure()).rejects.toMatchObject({
      code: 'SLAPOS_ERR_SUPERVISOR',
      message: expect.stringMatching(/^The supervisor at unix:.* is shutting down\.$/),
      hint: expect.stringContaining('Run the command again'),
    });
  });

  it('launches the keeper where nothing answers', async () => {
    const { configuration } = await writeFiles();
    const launches: Array<readonly string[]> = [];
    await ensure(async (program, args) => {
      launches.push([program, ...args]);
      await serve({ getState: () => UP });
      return { status: 0, output: '' };
    });
    expect(launches).toHaveLength(1);
    expect(launches[0]?.slice(0, 3)).toEqual(['/x/keeper', '-c', configuration]);
    expect(launches[0]).toContain('--journal');
  });

  it('has files read again that could not be read for a moment', async () => {
    await writeFiles();
    const problem = { file: '/c/g.conf', message: '/c/g.conf: EIO: i/o error, read' };
    const lasting = { file: '/c/h.conf', message: 'h is wrong' };
    const log = recordingLogger();
    const launch = async () => {
      await serve({
        getState: () => UP,
        'slapos.getConfigProblems': (count) => (count === 1 ? [problem, lasting] : [lasting]),
        reloadConfig: () => [[['g'], [], []]],
      });
      return { status: 0, output: '' };
    };
    await ensureSupervisor({ files: createHostFiles(), instanceRoot: root, log, launch });
    expect(calls).toContain('addProcessGroup g');
    expect(log.lines.filter((line) => line.startsWith('WARNING'))).toEqual(['WARNING h is wrong']);
  });

  it('uses the daemon that another process started meanwhile', async () => {
    await writeFiles();
    const socket = await ensure(async () => {
      await serve({ getState: () => UP });
      return { status: 2, output: 'Error: Another program is already listening\n' };
    });
    expect(socket).toBe(join(root, 'sv.sock'));
  });

  it.each([
    ['a supervisor in trouble', { statecode: 2, statename: 'FATAL' }, 'it is in state FATAL'],
    ['another program with XML-RPC', 'hello', 'its state is no state'],
    ['a web server', HTML, ''],
    ['another protocol', 'SSH-2.0-x\r\n', ''],
  ])('refuses %s and launches nothing', async (_, answer, text) => {
    if (typeof answer === 'string' && answer.includes('\n')) await serveRaw(answer);
    else await serve({ getState: () => answer as RpcValue });
    await expect(ensure()).rejects.toMatchObject({
      code: 'SLAPOS_ERR_SUPERVISOR_FOREIGN',
      message: expect.stringContaining(`is no supervisor: ${text}`),
      hint: expect.stringContaining('ss -xlp'),
    });
  });

  it('says when the path of the socket is too long', async () => {
    const deep = join(root, ...Array.from({ length: 10 }, () => 'x'.repeat(9)));
    const files = createHostFiles();
    await expect(
      ensureSupervisor({ files, instanceRoot: deep, log: silentLogger }),
    ).rejects.toMatchObject({
      code: 'SLAPOS_ERR_SUPERVISOR_CONFIG',
      message: expect.stringContaining('107 at most'),
      hint: expect.stringContaining('99 bytes'),
    });
  });

  it('says what the launcher said when it failed, and when there is no configuration', async () => {
    await expect(ensure()).rejects.toMatchObject({ code: 'SLAPOS_ERR_SUPERVISOR_CONFIG' });
    await writeFiles();
    const failed = ensure(async () => ({ status: 2, output: 'Error: no\n' }));
    await expect(failed).rejects.toThrow('Failed to launch supervisord:\nError: no');
  });
});
