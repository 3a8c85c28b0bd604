/** What of the facilities that tests need this machine has. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { buildTracer } from './fault-tracer.ts';
import { findPostgres } from './postgres-server.ts';

/** Each probe gives the reason why the facility is missing, or undefined when it is there. */
const PROBES = {
  root: () => (process.getuid?.() === 0 ? undefined : 'not root'),
  netns: probeNamespace,
  tun: () => probeAccess('/dev/net/tun', constants.R_OK | constants.W_OK),
  cgroup2: probeCgroup2,
  buildout: probeBuildout,
  bpf: probeBpf,
  chromium: () => probeProgram('/usr/bin/chromium', ['--version']),
  postgres: () => (findPostgres() === undefined ? 'no PostgreSQL server' : undefined),
  unotify: probeTracer,
  fuse: () =>
    probeProgram('fusermount3', ['--version']) ?? probeAccess('/dev/fuse', constants.R_OK),
  fish: () => probeProgram('fish', ['--version']),
  prometheus: () => probeProgram('promtool', ['--version']),
} satisfies Record<string, () => string | undefined>;

export type Facility = keyof typeof PROBES;

/** Tests that change the machine run only where `scripts/in-namespace.sh` has made it private. */
function probeNamespace(): string | undefined {
  if (process.env['SLAPOS_TEST_NAMESPACE'] !== '1') return 'not under scripts/in-namespace.sh';
  const hasPrivateEtc = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === '/etc');
  return hasPrivateEtc ? undefined : 'SLAPOS_TEST_NAMESPACE is set but /etc is not private';
}

function probeAccess(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    return `${path}: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** The environment that `npm run setup` prepares, usable by users other than root. */
function probeBuildout(): string | undefined {
  const python = join(packageRoot(), '.venv', 'buildout', 'bin', 'python');
  const { error, status, stderr } = spawnSync(python, ['-c', 'import zc.buildout.buildout'], {
    cwd: '/',
    encoding: 'utf8',
    ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
  });
  return status === 0
    ? undefined
    : `${python}: ${error?.message ?? stderr.trim().split('\n').pop()}`;
}

function probeProgram(name: string, args: readonly string[]): string | undefined {
  const { error } = spawnSync(name, args, { stdio: 'ignore' });
  return error === undefined ? undefined : `no ${name}`;
}

/** seccomp_unotify(2), which another filter or the sandbox may keep from us. */
function probeTracer(): string | undefined {
  const tracer = buildTracer();
  const { status } = spawnSync(tracer.program, ['--', 'true'], { stdio: 'ignore' });
  tracer.remove();
  return status === 0 ? undefined : 'no seccomp_unotify(2)';
}

/** The BPF reader of processes: built here, and allowed by the kernel. */
function probeBpf(): string | undefined {
  const folder = join(packageRoot(), 'build', 'Release');
  const script = `require(process.argv[1] + '/slapos_bpf.node')
    .openTaskReader({ object: process.argv[1] + '/slapos_task_iter.bpf.o' })`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', script, folder], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return /^\w*Error: .*/m.exec(stderr)?.[0] ?? `exit status ${status}`;
}

/** A cgroup v2 hierarchy in which this process may make groups. */
function probeCgroup2(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(' - cgroup2 '))
    .map((line) => `${line.split(' ')[4]}/cgroup.procs`);
  if (mounts.length === 0) return 'no cgroup v2 is mounted';
  // One may be covered by another mount.
  const reasons = mounts.map((file) => probeAccess(file, constants.W_OK));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

/** Reasons why facilities are missing; empty when all are there. */
export function missingFacilities(
  facilities: readonly Facility[],
): ReadonlyArray<{ readonly facility: Facility; readonly reason: string }> {
  return facilities.flatMap((facility) => {
    const reason = PROBES[facility]();
    return reason === undefined ? [] : [{ facility, reason }];
  });
}
