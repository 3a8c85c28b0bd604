import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lookAtTcpPeer, proveTcpPeer } from '../../../../src/host/network/tcp-peer.ts';

let server: Server;
let client: Socket;
let accepted: Socket;

beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const incoming = new Promise<Socket>((resolve) => server.once('connection', resolve));
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  accepted = await incoming;
  accepted.on('error', () => undefined);
});
afterEach(() => {
  client.destroy();
  accepted.destroy();
  server.close();
});

const refusing = (code: string) => ({
  tcpPeerUid: () => {
    throw Object.assign(new Error(code), { code, errno: 1, syscall: 'sock_diag', detail: '' });
  },
});

describe('the other end of a connection', () => {
  it('is of the user who made it', () => {
    expect(lookAtTcpPeer(accepted)).toEqual({ kind: 'local', uid: process.geteuid?.() });
  });

  it('is unknown once our end is closed', () => {
    accepted.destroy();
    const reason = 'the connection is closed';
    expect(lookAtTcpPeer(accepted)).toEqual({ kind: 'unknown', reason });
  });

  it('is elsewhere or unknown as the kernel says', () => {
    expect(lookAtTcpPeer(accepted, { tcpPeerUid: () => null })).toEqual({ kind: 'elsewhere' });
    const look = (code: string) => lookAtTcpPeer(accepted, refusing(code));
    expect(look('ENOTCONN')).toEqual({ kind: 'unknown', reason: 'the connection is closed' });
    expect(look('EACCES')).toEqual({ kind: 'unknown', reason: 'sock_diag: EACCES' });
  });
});

describe('proof that the kernel tells', () => {
  it('succeeds here', async () => {
    await expect(proveTcpPeer()).resolves.toBeUndefined();
  });

  it.each([
    [{ tcpPeerUid: () => null }, '{"kind":"elsewhere"}'],
    [{ tcpPeerUid: () => 4711 }, '{"kind":"local","uid":4711}'],
    [refusing('EPERM'), 'sock_diag: EPERM'],
  ])('fails with another answer', async (addon, reason) => {
    await expect(proveTcpPeer(addon)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_HOST',
      message: `The kernel does not tell who connects over loopback: ${reason}.`,
    });
  });
});
