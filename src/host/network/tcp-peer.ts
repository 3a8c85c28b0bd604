/** Who is at the other end of a TCP connection, as far as the kernel can tell (sock_diag(7)). */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { errorMessage, HostError } from '../../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../native.ts';
import { isKernelRefusal } from '../native-failure.ts';

export type PeerLook =
  /** A process of this network namespace; the uid is that of who made the socket. */
  | { readonly kind: 'local'; readonly uid: number }
  /** Another machine or network namespace. */
  | { readonly kind: 'elsewhere' }
  /** Nothing that can be relied on. */
  | { readonly kind: 'unknown'; readonly reason: string };

type PeerAddon = Pick<NativeAddon, 'tcpPeerUid'>;

/** Looks at the other end of an accepted connection; takes about 10 µs and never waits. */
export function lookAtTcpPeer(socket: Socket, addon: PeerAddon = loadNative()): PeerLook {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return { kind: 'unknown', reason: 'the connection is closed' };
  try {
    const uid = addon.tcpPeerUid({ fd });
    return uid === null ? { kind: 'elsewhere' } : { kind: 'local', uid };
  } catch (error) {
    if (!isKernelRefusal(error)) throw error;
    const isClosed = error.code === 'ENOTCONN';
    const reason = isClosed ? 'the connection is closed' : `${error.syscall}: ${error.code}`;
    return { kind: 'unknown', reason };
  }
}

/**
 * Sees that the kernel tells who connects over loopback, and has it load what it needs for that.
 * @throws HostError SLAPOS_ERR_HOST when it does not.
 */
export async function proveTcpPeer(addon: PeerAddon = loadNative()): Promise<void> {
  const found = await lookAtOurselves(addon);
  if (found.kind === 'local' && found.uid === process.geteuid?.()) return;
  const reason = found.kind === 'unknown' ? found.reason : JSON.stringify(found);
  throw new HostError(
    'SLAPOS_ERR_HOST',
    `The kernel does not tell who connects over loopback: ${reason}.`,
    { syscall: 'sock_diag', errno: 0 },
    { hint: 'Load the module tcp_diag (`modprobe tcp_diag`), or set peer_check = false.' },
  );
}

async function lookAtOurselves(addon: PeerAddon): Promise<PeerLook> {
  const server = createServer();
  try {
    const port = await listen(server);
    return await new Promise((resolve) => {
      const client = connect(port, '127.0.0.1');
      client.on('error', (error) => resolve({ kind: 'unknown', reason: error.message }));
      server.on('connection', (socket) => {
        socket.on('error', () => undefined);
        resolve(lookAtTcpPeer(socket, addon));
        socket.destroy();
        client.destroy();
      });
    });
  } catch (error) {
    return { kind: 'unknown', reason: errorMessage(error) };
  } finally {
    server.close();
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
