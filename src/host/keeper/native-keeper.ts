/** The channel to the keeper, and descriptors to send over it (`native/binding/keeper.cc`). */

export interface NativeKeeper {
  /**
   * Takes over the channel that the keeper gave us (`docs/keeper-protocol.md`) and marks it and
   * `listenFd` close-on-exec. `onMessage` hears every packet with the descriptors that came along,
   * which the callee owns, and null once when the keeper is gone. Keeps Node alive until then.
   */
  keeperConnect(
    request: { readonly fd: number; readonly listenFd?: number },
    onMessage: (data: Uint8Array | null, fds: readonly number[]) => void,
  ): void;
  /**
   * Sends one packet with copies of descriptors. Never blocks: packets wait in memory, in order,
   * while the keeper is busy. Throws a `NativeFailure`: EMSGSIZE, ENOTCONN.
   */
  keeperSend(request: { readonly data: Uint8Array; readonly fds: readonly number[] }): void;
  /** A copy of a descriptor, close-on-exec. Throws a `NativeFailure`: EBADF, EMFILE. */
  fdDuplicate(request: { readonly fd: number }): number;
  /**
   * A pipe, both ends close-on-exec. With `isKeptOpen` the reading end is open for writing too
   * (through /proc/self/fd), so that whoever reads it never sees its end.
   */
  pipeOpen(request: { readonly isKeptOpen?: boolean }): {
    readonly readFd: number;
    readonly writeFd: number;
  };
}
