/** The machine in memory keeps the contract of the real one (host.root.test.ts). */
import { describe } from 'vitest';
import { FakeHost } from '../support/fake-host.ts';
import { describeHost } from './host-spec.ts';

describe('a machine in memory', () => {
  describeHost(async () => {
    const host = new FakeHost();
    host.addLink('br0', { kind: 'bridge' });
    await host.files.mkdir('/work', { mode: 0o755, isRecursive: true });
    return { host, bridge: 'br0', folder: '/work', etc: '/etc' };
  });
});
