/** Which machines can use a binary of which other machine (spec/networkcache.md 5). */
import { parseOsRelease } from '../host/os-release.ts';

/** A distribution as Python's module `distro` names it. */
export interface Distribution {
  readonly id: string;
  readonly version: string;
  readonly codename: string;
}

export interface Machine {
  /** GCC's target triplet, `x86_64-linux-gnu`. */
  readonly multiarch: string;
  readonly distribution: Distribution;
}

/** What the machine says of itself. */
export interface DistributionFacts {
  /** Text of os-release(5); empty when there is none. */
  readonly osRelease: string;
  /** Text of `/etc/debian_version`; empty when there is none. */
  readonly debianVersion: string;
}

const ID_ALIASES: Readonly<Record<string, string>> = {
  ol: 'oracle',
  'opensuse-leap': 'opensuse',
  redhat: 'rhel',
};

/** Name, version and code name of the distribution. */
export function chooseDistribution(facts: DistributionFacts): Distribution {
  const values = parseOsRelease(facts.osRelease);
  const text = (name: string) => values.get(name) ?? '';
  const id = text('ID').toLowerCase().replaceAll(' ', '_');
  const isDebianLike = ['debian', 'raspbian'].includes(id) || text('ID_LIKE').includes('debian');
  const version =
    text('VERSION_ID') ||
    (/\d+(?:\.\d+)*/.exec(text('PRETTY_NAME'))?.[0] ?? '') ||
    (isDebianLike ? facts.debianVersion.trim() : '');
  return { id: ID_ALIASES[id] ?? id, version, codename: chooseCodename(values) };
}

function chooseCodename(values: ReadonlyMap<string, string>): string {
  const given = values.get('VERSION_CODENAME') ?? values.get('UBUNTU_CODENAME');
  if (given !== undefined) return given;
  const match = /\((\D+)\)|,\s*(\D+)/.exec(values.get('VERSION') ?? '');
  return (match?.[1] ?? match?.[2] ?? '').trim();
}

/** What counts when two distributions are compared: a Debian is its major version. */
export function normalizeDistribution(distribution: Distribution): Distribution {
  const lower = distribution.id.toLowerCase();
  const id = lower === 'raspbian' ? 'debian' : lower;
  if (id !== 'debian') return { ...distribution, id };
  return { id, version: distribution.version.split('.')[0] ?? '', codename: '' };
}

/** Whether a binary of `theirs` works on `ours`. */
export function isCompatible(ours: Machine, theirs: Machine): boolean {
  const [mine, other] = [ours, theirs].map((each) => normalizeDistribution(each.distribution));
  return (
    ours.multiarch === theirs.multiarch &&
    mine?.id === other?.id &&
    mine?.version === other?.version &&
    mine?.codename === other?.codename
  );
}

/** `x86_64-linux-gnu (debian 12 bookworm)` */
export function describeMachine({ distribution, multiarch }: Machine): string {
  const { codename, id, version } = distribution;
  return `${multiarch} (${[id, version, codename].filter((word) => word !== '').join(' ')})`;
}

const TRIPLETS: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};
const REDHAT_TRIPLETS: Readonly<Record<string, string>> = {
  x64: 'x86_64-redhat-linux',
  arm64: 'aarch64-redhat-linux',
};
const REDHAT_LIKE = new Set(['rhel', 'centos', 'fedora', 'rocky', 'almalinux', 'oracle']);

/**
 * The triplet that GCC of a distribution has, for machines without a compiler.
 * @param arch as Node names it, `x64`
 * @returns undefined where we do not know.
 */
export function guessMultiarch(arch: string, distribution: Distribution): string | undefined {
  return (REDHAT_LIKE.has(distribution.id) ? REDHAT_TRIPLETS : TRIPLETS)[arch];
}
