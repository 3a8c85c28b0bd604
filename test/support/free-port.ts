import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** The kernel gives none of these to connections by itself (ip_local_port_range). */
const PORTS = [20_000, 32_000] as const;

/** A loopback port that nobody listens on now, and that is likely to stay free over a restart. */
export async function findPort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
