/** HTTP as the stock supervisord and ours speak it: errors, passwords, followed logs (spec 4.1, 4.6). */
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeCall } from '../../src/supervisor/rpc/xml-rpc.ts';
import { dechunk, exchange, get, post } from './supervisor-http.ts';
import { PeerDaemon } from './supervisor-peers.ts';
import { MAIN, PROGRAMS } from './supervisor-programs.ts';
import { runCommand } from './supervisor-run.ts';

const STATE = encodeCall('supervisor.getState', []);
/** `secret` */
const SHA_SECRET = '{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4';
const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Runs the contract against a daemon; `ctl` is a stock supervisorctl, where there is one. */
export function describeHttp(title: string, command: readonly string[], ctl?: string): void {
  describe(title, () => {
    let daemon: PeerDaemon;
    let port = 0;
    const isStock = command.length === 1;
    const unix = (request: string, timeoutMs?: number) =>
      exchange({ path: daemon.socket }, request, timeoutMs);
    const tcp = (request: string) => exchange({ port, host: '127.0.0.1' }, request, 500);

    beforeAll(async () => {
      port = await freePort();
      const server = `[inet_http_server]\nport=127.0.0.1:${port}\nusername=admin\npassword=${SHA_SECRET}\n`;
      daemon = new PeerDaemon(command, { ...PROGRAMS, 'main.conf': `${MAIN}\n${server}` });
      await daemon.start();
      await daemon.awaitState('auto', 'RUNNING');
      await daemon.client.call('supervisor.startProcess', 'g:err');
      await sleep(300);
    });
    afterAll(() => daemon.stop());

    it('answers a call', async () => {
      const { status, headers, body } = await unix(post('/RPC2', STATE), 500);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'text/xml',
        'content-length': String(body.length),
      });
      expect(body).toMatch(/^<\?xml version='1.0'\?>\n<methodResponse>/);
    });

    it.each([
      ['GET on /RPC2', get('/RPC2'), 400],
      ['no XML', post('/RPC2', 'nothing'), 400],
      ['no method name', post('/RPC2', '<methodCall></methodCall>'), 400],
      ['no length', 'POST /RPC2 HTTP/1.0\r\n\r\n', 411],
      ['an unknown path', get('/nothing'), 404],
      ['an unknown process', get('/logtail/nope'), 404],
      ['a group', get('/logtail/g%3A*'), 404],
      ['a bad channel', get('/logtail/g:err/foo'), 404],
      ['no log', get('/logtail/silent'), 404],
    ])('refuses %s', async (_, request, status) => {
      expect((await unix(request, 500)).status).toBe(status);
    });

    it('takes a call without parameters, a prefix of the path, and HTTP 1.0', async () => {
      const bare = '<methodCall><methodName>supervisor.getState</methodName></methodCall>';
      expect((await unix(post('/RPC2/x', bare), 500)).status).toBe(200);
      const old = post('/RPC2', STATE).replace('HTTP/1.1', 'HTTP/1.0');
      expect((await unix(old)).headers['connection'] ?? 'close').toBe('close');
    });

    it('asks for a password on the port', async () => {
      const refused = await tcp(post('/RPC2', STATE));
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toBe('Basic realm="default"');
      expect((await tcp(post('/RPC2', STATE, [basic('admin:wrong')]))).status).toBe(401);
      expect((await tcp(post('/RPC2', STATE, [basic('eve:secret')]))).status).toBe(401);
      expect((await tcp(get('/logtail/g:err'))).status).toBe(401);
      expect((await tcp(get('/'))).status).toBe(401);
      expect((await tcp(post('/RPC2', STATE, [basic('admin:secret')]))).status).toBe(200);
    });

    it('follows a log from its last kilobyte on', async () => {
      const path = join(daemon.root, 'err.out');
      writeFileSync(path, `${'x'.repeat(2000)}\nlast\n`);
      const following = unix(get('/logtail/g%3Aerr/stdout'), 4000);
      await sleep(1700);
      appendFileSync(path, 'more\n');
      const { status, headers, body } = await following;
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'text/plain;charset=utf-8',
        'transfer-encoding': 'chunked',
        'x-accel-buffering': 'no',
      });
      expect(headers['last-modified']).toMatch(/ GMT$/);
      expect(dechunk(body)).toBe(`${'x'.repeat(1018)}\nlast\nmore\n`);
    });

    // Version 4.3 ends the answer when the log shrinks.
    it.skipIf(isStock)('goes on when the log shrinks or is replaced', async () => {
      const path = join(daemon.root, 'err.err');
      writeFileSync(path, 'first\n');
      const following = unix(get('/logtail/g%3Aerr/stderr'), 2500);
      await sleep(500);
      truncateSync(path, 3);
      await sleep(500);
      appendFileSync(path, 'after\n');
      await sleep(500);
      writeFileSync(`${path}.new`, 'fresh file\n');
      renameSync(`${path}.new`, path);
      const text = 'first\n==> File truncated <==\nfirafter\nfresh file\n';
      expect(dechunk((await following).body)).toBe(text);
    });

    it('follows the main log, with what a client of HTTP 1.1 sends too much', async () => {
      const request = 'GET /mainlogtail HTTP/1.1\r\nHost: \r\nAccept-Encoding: chunked\r\n\r\n\r\n';
      const { status, body } = await unix(request, 1000);
      expect(status).toBe(200);
      expect(dechunk(body)).toContain('spawned: ');
    });

    it.skipIf(ctl === undefined)('lets the stock supervisorctl in with its password', async () => {
      const url = `http://127.0.0.1:${port}`;
      const run = (...words: string[]) => runCommand(ctl ?? '', ['-s', url, ...words]);
      expect(await run('-u', 'admin', '-p', 'secret', 'pid')).toMatchObject({ status: 0 });
      expect(await run('-u', 'admin', '-p', 'secret', 'status', 'auto')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('RUNNING'),
      });
      const refused = await run('-u', 'admin', '-p', 'wrong', 'status');
      expect(refused.stdout).toContain('Server requires authentication');
    });
  });
}
