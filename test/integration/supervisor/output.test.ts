/** Output that passes through the daemon, shared sockets, and the death of a controller meanwhile. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import { OUR_SUPERVISORD, PeerDaemon } from '../../support/supervisor-peers.ts';
import { MAIN, PROGRAMS } from '../../support/supervisor-programs.ts';
import { until } from '../../support/supervisor-run.ts';

const MORE = `
[program:colour]
command=/bin/sh -c 'i=0; while :; do i=$((i+1)); printf "\\033[1;31mline \\033[0m%%s\\n" $i; sleep 0.1; done'
startsecs=0
autostart=false
stdout_logfile=ROOT/colour.log

[fcgi-program:web]
command=/bin/sleep 1000
process_name=web%(process_num)d
numprocs=2
startsecs=0
autostart=false
socket=unix://ROOT/web.sock
socket_mode=0770
`;

/** The controller: the child of the keeper that speaks to it. */
function controllerPid(daemon: PeerDaemon): number {
  const found = readdirSync('/proc').find((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return text.includes('--keeper-fd') && text.includes(daemon.configuration);
    } catch {
      return false;
    }
  });
  return Number(found ?? 0);
}

requires('root', 'netns')('a daemon that handles output and sockets', () => {
  let daemon: PeerDaemon;
  let socketPath = '';
  const pidOf = async (name: string) =>
    (await daemon.client.call<{ pid: number }>('supervisor.getProcessInfo', name)).pid;
  const inputOf = async (name: string) => readlinkSync(`/proc/${await pidOf(name)}/fd/0`);

  const killController = async () => {
    const before = controllerPid(daemon);
    process.kill(before, 'SIGKILL');
    await until(() => {
      const now = controllerPid(daemon);
      return now !== 0 && now !== before ? true : undefined;
    }, 'the next controller');
    await awaitAnswer();
  };

  const awaitAnswer = async () => {
    daemon.client.close();
    const ask = () => daemon.client.call('supervisor.getState').catch(() => undefined);
    await until(ask, 'an answer');
  };

  const killKeeper = async () => {
    const { pid } = daemon;
    process.kill(pid, 'SIGKILL');
    await until(() => (daemon.pid === pid ? undefined : true), 'the next keeper');
    await awaitAnswer();
  };

  beforeAll(async () => {
    const main = MAIN.replace('[rpcinterface', 'strip_ansi=true\n\n[rpcinterface');
    daemon = new PeerDaemon(OUR_SUPERVISORD, {
      ...PROGRAMS,
      'main.conf': main,
      'conf.d/more.conf': MORE,
    });
    socketPath = join(daemon.root, 'web.sock');
    await daemon.start();
  });
  afterAll(() => daemon.stop());

  it('strips escape sequences, also after controller and keeper were killed', async () => {
    const lines = () => daemon.read('colour.log').split('\n').slice(0, -1);
    await daemon.client.call('supervisor.startProcess', 'colour');
    const pid = await pidOf('colour');
    await until(() => (lines().length > 3 ? true : undefined), 'some lines');
    await killController();
    const before = lines().length;
    await until(() => (lines().length > before + 5 ? true : undefined), 'more lines');
    await killKeeper();
    const later = lines().length;
    await until(() => (lines().length > later + 5 ? true : undefined), 'lines after that');
    expect(await pidOf('colour')).toBe(pid);
    await daemon.client.call('supervisor.stopProcess', 'colour');
    // Nothing is lost and nothing comes twice.
    expect(lines()).toEqual(lines().map((_, index) => `line ${index + 1}`));
  });

  it('shares one socket among the processes of an fcgi-program', async () => {
    expect(existsSync(socketPath)).toBe(false);
    await daemon.client.call('supervisor.startProcessGroup', 'web');
    expect(await inputOf('web:web0')).toMatch(/^socket:/);
    expect(await inputOf('web:web1')).toBe(await inputOf('web:web0'));
    expect(statSync(socketPath).mode & 0o777).toBe(0o770);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(socketPath, () => {
        socket.destroy();
        resolve();
      }).on('error', reject);
    });
  });

  it('keeps the socket over a new controller and keeper, until its last process stops', async () => {
    const before = await inputOf('web:web1');
    await killController();
    await killKeeper();
    await daemon.client.call('supervisor.stopProcess', 'web:web0');
    await daemon.client.call('supervisor.startProcess', 'web:web0');
    expect(await inputOf('web:web0')).toBe(before);
    await daemon.client.call('supervisor.stopProcessGroup', 'web');
    await until(() => (existsSync(socketPath) ? undefined : true), 'the socket to go');
    await daemon.client.call('supervisor.startProcess', 'web:web0');
    expect(await inputOf('web:web0')).not.toBe(before);
  });
});
