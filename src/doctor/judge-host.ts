/** Judgements about kernel, programs, limits and folders. Pure. */
import type { DoctorFacts, FolderFacts } from './facts.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

const LEAST_FREE_BYTES = 1024 ** 3;
const LEAST_FREE_FILES = 10_000;
/** Of a partition with its services and builds, by experience. */
const PROCESSES_PER_PARTITION = 50;
const FILES_PER_PARTITION = 200;
const LEAST_OPEN_FILES = 4096;

export function judgeKernel({ kernel, settings, isRoot }: DoctorFacts): Finding[] {
  const { release } = kernel;
  const isNew = kernel.hasOpenat2 && kernel.hasPidfd;
  return [
    isRoot
      ? fine('user', 'Run as root.')
      : problem(
          'user',
          'Not run as root: users, addresses and taps cannot be made.',
          'Run `sudo slapos node doctor` to see everything.',
        ),
    isNew
      ? fine('kernel', `Linux ${release} has openat2 and pidfd.`)
      : problem(
          'kernel',
          `Linux ${release} has no openat2 or pidfd.`,
          'Install Linux 5.10 or newer: partitions are not safe from each other without.',
        ),
    ...(settings.isTapCreated && !kernel.hasTun
      ? [
          problem(
            'kernel',
            'There is no /dev/net/tun, and create_tap is on.',
            '`modprobe tun`, or set create_tap = false in [slapformat].',
          ),
        ]
      : []),
    / - cgroup2 /.test(kernel.mountinfo)
      ? fine('cgroups', 'cgroup v2 is mounted.')
      : warning(
          'cgroups',
          'No cgroup v2 is mounted: services have no limits, and may escape a stop.',
          'Boot with `systemd.unified_cgroup_hierarchy=1`, or mount cgroup2 on /sys/fs/cgroup.',
        ),
    kernel.bpfProblem === ''
      ? fine('sampling', 'Processes can be sampled through BPF.')
      : warning(
          'sampling',
          `Processes are sampled through procfs, which costs more: ${kernel.bpfProblem}.`,
          'It works all the same; see docs/collect.md.',
        ),
    ...(kernel.hasPressure
      ? []
      : [
          warning(
            'sampling',
            'The kernel tells no pressure (/proc/pressure).',
            'Boot with `psi=1` to see what waits for processors, memory and disks.',
          ),
        ]),
  ];
}

function judgeBuildout(why: string | undefined): Finding[] {
  if (why === undefined) return [];
  if (why === '') return [fine('buildout', 'The software user can run zc.buildout.')];
  const fix =
    '`npm run setup` in the sources prepares one; or name a Python with zc.buildout as buildout_python in [slapos].';
  return [problem('buildout', why, fix)];
}

/** What builds of software from source want. */
const BUILD_PROGRAMS = ['gcc', 'g++', 'make', 'patch'];

export function judgePrograms({ programs, settings, buildoutProblem }: DoctorFacts): Finding[] {
  const isMissing = (name: string) => programs.get(name) === undefined;
  const missing = BUILD_PROGRAMS.filter(isMissing);
  const { firewallCommand } = settings;
  return [
    isMissing('python3')
      ? problem(
          'python3',
          'There is no python3, which buildout needs.',
          '`apt install python3-venv`',
        )
      : fine('python3', `It is ${programs.get('python3')}.`),
    ...judgeBuildout(buildoutProblem),
    ...(missing.length === 0
      ? []
      : [
          warning(
            'compilers',
            `Missing: ${missing.join(', ')}. Software that no cache has cannot be built.`,
            '`apt install build-essential`',
          ),
        ]),
    ...(firewallCommand !== undefined && isMissing(firewallCommand)
      ? [
          problem(
            'firewall',
            `There is no ${firewallCommand}, and section [firewall] names it.`,
            '`apt install firewalld`, or remove the section.',
          ),
        ]
      : []),
  ];
}

export function judgeLimits({ limits, settings }: DoctorFacts): Finding[] {
  const wantedPids = settings.partitionAmount * PROCESSES_PER_PARTITION;
  const wantedFiles = settings.partitionAmount * FILES_PER_PARTITION;
  const amount = `${settings.partitionAmount} partition(s)`;
  const findings = [
    limits.pids < wantedPids &&
      warning(
        'limits',
        `kernel.pid_max is ${limits.pids}, little for ${amount}.`,
        `sysctl -w kernel.pid_max=4194304, and a file in /etc/sysctl.d`,
      ),
    limits.allFiles < wantedFiles &&
      warning(
        'limits',
        `fs.file-max is ${limits.allFiles}, little for ${amount}.`,
        'Raise fs.file-max in /etc/sysctl.d.',
      ),
    limits.openFiles < LEAST_OPEN_FILES &&
      warning(
        'limits',
        `A process may open ${limits.openFiles} files.`,
        'LimitNOFILE=1048576 in the unit of the supervisor, or /etc/security/limits.d.',
      ),
  ].filter((finding) => finding !== false);
  return findings.length > 0 ? findings : [fine('limits', `Enough for ${amount}.`)];
}

export function judgeFolder(folder: FolderFacts): Finding[] {
  const { key, path, status, mountOptions } = folder;
  if (status === undefined) {
    return [warning(key, `${path} does not exist yet.`, '`slapos node format` makes it.')];
  }
  if (status.kind !== 'directory')
    return [problem(key, `${path} is no folder.`, `Correct ${key}.`)];
  const findings = [
    ...judgeSpace(folder),
    mountOptions.includes('ro') &&
      problem(key, `${path} is mounted read-only.`, 'Look at dmesg, repair and remount it.'),
    mountOptions.includes('noexec') &&
      problem(key, `${path} is mounted noexec: no service can run.`, 'Remount it with exec.'),
    (status.mode & 0o022) !== 0 &&
      problem(key, `Others may write to ${path}.`, `chmod go-w ${path}`),
  ].filter((finding) => finding !== false);
  return findings.length > 0 ? findings : [fine(key, `${path}: ${gigabytes(folder)} GB free.`)];
}

function judgeSpace({ key, path, freeBytes, freeFiles, ...rest }: FolderFacts): Finding[] {
  const fix = '`slapos node prune` removes software that nothing uses; else make room.';
  if (freeBytes < LEAST_FREE_BYTES) {
    const free = gigabytes({ freeBytes, ...rest });
    return [problem(key, `${free} GB are free where ${path} is.`, fix)];
  }
  if (freeFiles < LEAST_FREE_FILES) {
    return [problem(key, `${freeFiles} inodes are free where ${path} is.`, fix)];
  }
  return [];
}

const gigabytes = ({ freeBytes }: { readonly freeBytes: number }) => (freeBytes / 1e9).toFixed(1);
