/** Some faults of the walk that `npm run campaign -- fault-walk` takes over all of them. */
import { expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import { runFaults } from '../../support/run-faults.ts';

interface Sample {
  readonly scene: string;
  readonly call: string;
  readonly target: string;
  readonly action: string;
}

const SAMPLES: readonly Sample[] = [
  { scene: 'software', call: 'fchmod', target: '/software/', action: 'kill' },
  { scene: 'software', call: 'unlink', target: 'slapos.pid', action: 'EIO' },
  { scene: 'instance', call: 'read', target: '/etc/passwd', action: 'EIO' },
  { scene: 'report', call: 'getdents64', target: 'xml_report', action: 'EIO' },
  { scene: 'prune', call: 'readlink', target: '/software/eeee', action: 'EIO' },
  { scene: 'prune', call: 'getdents64', target: '/shared/perl', action: 'EIO' },
  { scene: 'prune', call: 'openat2', target: 'slappart0', action: 'EMFILE' },
  { scene: 'collect', call: 'pread64', target: 'collector.db', action: 'EIO' },
  { scene: 'software', call: 'statx', target: '/instance', action: 'EIO' },
  { scene: 'proxy', call: 'pwrite64', target: 'proxy.db-wal', action: 'ENOSPC' },
  { scene: 'register', call: 'fsync', target: '.answer.json', action: 'EIO' },
  { scene: 'renew', call: 'rename', target: '/ssl/certificate', action: 'ENOSPC' },
  { scene: 'update', call: 'getdents64', target: 'supervisord.conf.d', action: 'EIO' },
  { scene: 'update', call: 'recvmsg', target: 'socket1', action: 'ENOBUFS' },
  { scene: 'upgrade', call: 'rename', target: 'supervisord.pid', action: 'ENOSPC' },
];

requires(
  'root',
  'netns',
  'unotify',
)('a system call that fails', () => {
  it.each(SAMPLES)('$scene: $action at $call of $target', async ({ scene, ...filter }) => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    const found = await runFaults({ scenes: [scene], most: 2, seed: 1, filter, onLine });
    expect(found, lines.join('\n')).toBe(0);
    expect(lines.join('\n')).toMatch(/all: [12] faults, [12] met/);
  });
});
