/** Pressure stall information and the traffic of network devices, from the text of /proc. */
import type { Pressure } from './metrics.ts';
import type { Traffic } from './partition-state.ts';

export const PRESSURE_RESOURCES = ['cpu', 'memory', 'io'] as const;

/** Lines such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, in microseconds. */
export function parsePressure(resource: Pressure['resource'], text: string): Pressure[] {
  return [...text.matchAll(/^(some|full) .*\btotal=(\d+)$/gm)].map(([, kind, total]) => ({
    resource,
    kind: kind === 'full' ? 'full' : 'some',
    stalledS: Number(total) / 1e6,
  }));
}

/**
 * Bytes by device from /proc/net/dev. Seen from the partition: what the host sends to a tap comes
 * in there.
 */
export function parseTapTraffic(text: string): Map<string, Traffic> {
  const traffic = new Map<string, Traffic>();
  for (const [, name = '', received, sent] of text.matchAll(DEVICE)) {
    traffic.set(name, { inBytes: Number(sent), outBytes: Number(received) });
  }
  return traffic;
}

/** Name of a device, bytes that it received, and after seven other columns those that it sent. */
const DEVICE = /^ *(\S+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm;
