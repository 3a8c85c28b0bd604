/** The real machine, in the private namespaces of the root lane: same text as host.unit.test.ts. */
import { mkdtempSync } from 'node:fs';
import { beforeAll } from 'vitest';
import { createHost } from '../../src/host/create-host.ts';
import { requires } from '../support/requires.ts';
import { describeHost } from './host-spec.ts';

const BRIDGE = 'ctbr0';

requires(
  'root',
  'netns',
  'tun',
)('the real machine', () => {
  const host = createHost();
  beforeAll(async () => {
    await host.network.apply([
      { op: 'linkAdd', dev: BRIDGE, kind: 'bridge' },
      { op: 'linkSet', dev: BRIDGE, isUp: true },
    ]);
  });
  describeHost(async () => ({
    host,
    bridge: BRIDGE,
    folder: mkdtempSync('/srv/contract-'),
    etc: '/etc',
  }));
});
