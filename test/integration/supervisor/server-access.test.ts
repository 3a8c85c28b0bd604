/** Users other than root, and ports that are taken, against the real daemon. */
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import { OUR_SUPERVISORD, PeerDaemon } from '../../support/supervisor-peers.ts';
import { MAIN, PROGRAMS } from '../../support/supervisor-programs.ts';
import { runCommand, until } from '../../support/supervisor-run.ts';

const UNKNOWN_UID = 4099;

const CONNECT = `const s = require('node:net').connect(process.argv[1], () => s.write('GET / HTTP/1.0\\r\\n\\r\\n'));
s.on('data', () => { console.log('answered'); s.destroy(); });
s.on('error', (e) => console.log(e.code)).on('end', () => console.log('closed'));`;

requires('root', 'netns')('the control socket', () => {
  let daemon: PeerDaemon;
  const connectAs = (uid: number) => {
    const run = spawnSync(process.execPath, ['-e', CONNECT, daemon.socket], {
      ...{ uid, gid: uid, cwd: '/', encoding: 'utf8', timeout: 10_000 },
    });
    return run.stdout.trim().split('\n')[0];
  };

  beforeAll(async () => {
    daemon = new PeerDaemon(OUR_SUPERVISORD, PROGRAMS);
    await daemon.start();
  });
  afterAll(() => daemon.stop());

  it('is out of reach for a user of a partition', () => {
    expect(connectAs(0)).toBe('answered');
    chmodSync(daemon.root, 0o755);
    expect(connectAs(UNKNOWN_UID)).toBe('EACCES');
  });

  it('refuses such a user even when somebody opens its mode', async () => {
    chmodSync(daemon.root, 0o755);
    chmodSync(daemon.socket, 0o777);
    expect(connectAs(UNKNOWN_UID)).not.toBe('answered');
    const line = `refused user ${UNKNOWN_UID}`;
    await until(() => (daemon.read('main.log').includes(line) ? true : undefined), line);
    expect(connectAs(0)).toBe('answered');
  });
});

requires('root', 'netns')('a port of the supervisor', () => {
  it('that is taken ends the start before anything runs', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const main = `${MAIN}\n[inet_http_server]\nport=127.0.0.1:${port}\n`;
    const daemon = new PeerDaemon(OUR_SUPERVISORD, { ...PROGRAMS, 'main.conf': main });
    const [program = '', ...words] = OUR_SUPERVISORD;
    const result = await runCommand(program, [...words, '-c', daemon.configuration]);
    server.close();
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/^Error: Another program is already listening on a port/);
    expect(daemon.read('main.log')).not.toContain('spawned');
    await daemon.stop();
  });
});
