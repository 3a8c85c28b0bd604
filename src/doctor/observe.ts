/** Looks at the machine for `node doctor`; changes nothing. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { errorMessage } from '../errors/slapos-error.ts';
import type { HostFiles, NetworkState } from '../host/host.ts';
import type {
  CertificateFacts,
  DoctorFacts,
  FolderFacts,
  KernelFacts,
  NetworkFacts,
  NodeSettings,
} from './facts.ts';

export interface DoctorPorts {
  readonly files: Pick<HostFiles, 'readText' | 'stat'>;
  readonly isRoot: boolean;
  readonly release: string;
  readonly capabilities: { readonly openat2: boolean; readonly pidfd: boolean };
  readonly nowMs: number;
  dumpNetwork(): Promise<NetworkState>;
  findProgram(name: string): Promise<string | undefined>;
  /** Bytes and inodes that are free where a path is; undefined when it does not exist. */
  freeSpace(path: string): Promise<{ readonly bytes: number; readonly files: number } | undefined>;
  /** Why there is no BPF reader; empty when there is one. */
  probeBpf(): Promise<string>;
  /** Why no build could start; undefined where the software's user is not known. */
  probeBuildout(): Promise<string | undefined>;
  askMaster(): Promise<DoctorFacts['master']>;
  findSupervisor(): Promise<DoctorFacts['supervisor']['state']>;
}

export async function observeFacts(
  settings: NodeSettings,
  configurationProblems: readonly string[],
  ports: DoctorPorts,
): Promise<DoctorFacts> {
  const [kernel, network, folders, programs, limits, certificate, master, state, buildoutProblem] =
    await Promise.all([
      observeKernel(ports),
      observeNetwork(settings, ports),
      observeFolders(settings, ports),
      observePrograms(settings, ports),
      observeLimits(ports),
      observeCertificate(settings, ports),
      ports.askMaster(),
      ports.findSupervisor(),
      ports.probeBuildout(),
    ]);
  return {
    nowMs: ports.nowMs,
    isRoot: ports.isRoot,
    settings,
    kernel,
    network,
    folders,
    programs,
    buildoutProblem,
    limits,
    certificate,
    master,
    supervisor: { state },
    configurationProblems,
  };
}

async function observeKernel(ports: DoctorPorts): Promise<KernelFacts> {
  const { files, release, capabilities } = ports;
  const isThere = async (path: string) => (await files.stat(path)) !== undefined;
  const [hasTun, hasPressure, mountinfo, bpfProblem] = await Promise.all([
    isThere('/dev/net/tun'),
    isThere('/proc/pressure/cpu'),
    files.readText('/proc/self/mountinfo'),
    ports.probeBpf(),
  ]);
  return {
    release,
    hasOpenat2: capabilities.openat2,
    hasPidfd: capabilities.pidfd,
    hasTun,
    hasPressure,
    mountinfo: mountinfo ?? '',
    bpfProblem,
  };
}

async function observeNetwork(settings: NodeSettings, ports: DoctorPorts): Promise<NetworkFacts> {
  const name = settings.ipv6Interface ?? 'lo';
  // The name of an interface may hold a dot itself.
  const paths = {
    'net.ipv6.conf.all.disable_ipv6': 'net/ipv6/conf/all/disable_ipv6',
    'net.ipv6.conf.all.forwarding': 'net/ipv6/conf/all/forwarding',
    'net.ipv6.neigh.default.gc_thresh3': 'net/ipv6/neigh/default/gc_thresh3',
    [`net.ipv6.conf.${name}.accept_ra`]: `net/ipv6/conf/${name}/accept_ra`,
  };
  const values = Object.entries(paths).map(async ([sysctl, path]) => {
    return [sysctl, await readNumber(`/proc/sys/${path}`, ports)] as const;
  });
  return { state: await ports.dumpNetwork(), sysctls: new Map(await Promise.all(values)) };
}

async function readNumber(path: string, { files }: DoctorPorts): Promise<number | undefined> {
  const text = await files.readText(path).catch(() => undefined);
  return text === undefined ? undefined : Number(text.trim().split(/\s/)[0]);
}

async function observeFolders(
  { instanceRoot, softwareRoot }: NodeSettings,
  ports: DoctorPorts,
): Promise<FolderFacts[]> {
  const mounts = (await ports.files.readText('/proc/self/mounts')) ?? '';
  const look = async (key: string, path: string): Promise<FolderFacts> => {
    const status = await ports.files.stat(path);
    const space = await ports.freeSpace(path);
    return {
      key,
      path,
      status,
      freeBytes: space?.bytes ?? 0,
      freeFiles: space?.files ?? 0,
      mountOptions: findMountOptions(mounts, path),
    };
  };
  const wanted = Object.entries({ instance_root: instanceRoot, software_root: softwareRoot });
  const named = wanted.flatMap(([key, path]) => (path === undefined ? [] : [look(key, path)]));
  return Promise.all(named);
}

/** Options of the mount that holds a path, of a text as that of /proc/self/mounts. */
export function findMountOptions(mounts: string, path: string): readonly string[] {
  let found = { point: '', options: '' };
  for (const line of mounts.split('\n')) {
    const [, escaped = '', , options = ''] = line.split(' ');
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of several mounts on one point the last one counts.
    if (point !== '' && isAbove && point.length >= found.point.length) found = { point, options };
  }
  return found.options.split(',');
}

async function observePrograms(
  { firewallCommand }: NodeSettings,
  ports: DoctorPorts,
): Promise<ReadonlyMap<string, string | undefined>> {
  const names = ['python3', 'gcc', 'g++', 'make', 'patch'].concat(firewallCommand ?? []);
  const paths = names.map(async (name) => [name, await ports.findProgram(name)] as const);
  return new Map(await Promise.all(paths));
}

async function observeLimits(ports: DoctorPorts): Promise<DoctorFacts['limits']> {
  const text = (await ports.files.readText('/proc/self/limits')) ?? '';
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1] ?? '';
  const [pids, allFiles] = await Promise.all([
    readNumber('/proc/sys/kernel/pid_max', ports),
    readNumber('/proc/sys/fs/file-max', ports),
  ]);
  return {
    openFiles: hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard),
    pids: pids ?? Number.POSITIVE_INFINITY,
    allFiles: allFiles ?? Number.POSITIVE_INFINITY,
  };
}

async function observeCertificate(
  { certFile, keyFile }: NodeSettings,
  { files }: DoctorPorts,
): Promise<CertificateFacts | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined;
  const keyMode = (await files.stat(keyFile))?.mode;
  try {
    const [cert = '', key = ''] = [await files.readText(certFile), await files.readText(keyFile)];
    const certificate = new X509Certificate(cert);
    const facts = {
      subject: certificate.subject.replaceAll('\n', ', '),
      expiresAtMs: Date.parse(certificate.validTo),
      isOfKey: certificate.checkPrivateKey(createPrivateKey(key)),
    };
    return { certFile, keyFile, keyMode, certificate: facts, reason: '' };
  } catch (error) {
    const reason = `it cannot be read (${errorMessage(error)})`;
    return { certFile, keyFile, keyMode, certificate: undefined, reason };
  }
}
