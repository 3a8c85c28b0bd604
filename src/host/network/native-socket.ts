/** Sockets that Node cannot make or look into (`native/core/socket`). */

export interface NativeSockets {
  /**
   * Who connected to a unix socket (unix(7), SO_PEERCRED). Throws a `NativeFailure`.
   */
  peerCredentials(request: { readonly fd: number }): {
    readonly pid: number;
    readonly uid: number;
    readonly gid: number;
  };
  /**
   * Uid of the process that made the socket at the other end of an accepted TCP connection, null
   * when that is on another machine or in another network namespace (sock_diag(7), an exact look-up
   * of one socket, which never waits). Throws a `NativeFailure`: ENOTCONN when one of the ends is
   * closed, EAFNOSUPPORT for another kind of socket.
   */
  tcpPeerUid(request: { readonly fd: number }): number | null;
  /**
   * Sends datagrams to a unix socket such as /dev/log and returns how many were taken: never waits,
   * what the receiver has no room for is dropped. Throws a `NativeFailure` when nobody
   * listens.
   */
  datagramSend(request: { readonly path: string; readonly messages: readonly string[] }): number;
  /**
   * A listening stream socket that nobody accepts from yet, close-on-exec: at a path that does not
   * exist, or at a port (`host` empty: every address). Throws a `NativeFailure`.
   */
  socketListen(
    request:
      | { readonly path: string; readonly mode: number; readonly backlog: number }
      | { readonly host: string; readonly port: number; readonly backlog: number },
  ): number;
}
