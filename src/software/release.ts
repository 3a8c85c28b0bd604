/** Which software releases are built, kept and destroyed (spec/grid.md 5). */
import { join } from 'node:path';
import { md5 } from '../model/md5.ts';
import type { SlapSoftwareRelease } from '../slap/master.ts';

/** Says that a release is installed and the Master knows. */
export const COMPLETED = '.completed';
/** Says that a release came whole from the binary cache; becomes {@link COMPLETED}. */
export const DOWNLOADED = '.downloaded';

/** The name of a release's folder. */
export function softwareHash(url: string): string {
  return md5(url);
}

export function softwarePath(softwareRoot: string, url: string): string {
  return join(softwareRoot, softwareHash(url));
}

export interface SoftwareFacts {
  readonly isForced: boolean;
  /** URLs or md5 sums; empty for all. */
  readonly only: readonly string[];
}

export type SoftwareStep = {
  readonly kind: 'build' | 'keep' | 'destroy';
  readonly url: string;
  readonly path: string;
};

/**
 * One step for each release that the filter lets through, in the Master's order.
 * @param isCompleted whether a folder holds a finished build
 */
export function planSoftware(
  releases: readonly SlapSoftwareRelease[],
  softwareRoot: string,
  facts: SoftwareFacts,
  isCompleted: (path: string) => boolean,
): readonly SoftwareStep[] {
  const wanted = new Set(facts.only.flatMap((item) => [item, softwareHash(item)]));
  return releases
    .filter(({ url }) => wanted.size === 0 || wanted.has(softwareHash(url)))
    .map(({ url, requestedState }) => {
      const path = softwarePath(softwareRoot, url);
      if (requestedState === 'destroyed') return { kind: 'destroy', url, path };
      return { kind: facts.isForced || !isCompleted(path) ? 'build' : 'keep', url, path };
    });
}

/** Items of a filter, URLs or md5 sums, that name none of the releases. */
export function listUnknown(
  releases: readonly SlapSoftwareRelease[],
  only: readonly string[],
): readonly string[] {
  const known = new Set(releases.flatMap(({ url }) => [url, softwareHash(url)]));
  return only.filter((item) => !known.has(item));
}

/**
 * Folders of `software_root` that no release wants any more. Unlike upstream the filter of the run
 * plays no part: every release of the Master's document counts as wanted.
 * @param names entries of `software_root` that hold a `buildout.cfg`
 */
export function listGarbage(
  names: readonly string[],
  releases: readonly SlapSoftwareRelease[],
): readonly string[] {
  const wanted = new Set(
    releases
      .filter((release) => release.requestedState === 'available')
      .map((release) => softwareHash(release.url)),
  );
  return names.filter((name) => /^[0-9a-f]{32}$/.test(name) && !wanted.has(name));
}

/** The text of `.completed`: the local time as C's asctime(3) writes it, without a newline. */
export function renderCompleted(now: Date): string {
  const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const months = [
    ...['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'],
    ...['Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
  ];
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const day = String(now.getDate()).padStart(2, ' ');
  return `${days[now.getDay()]} ${months[now.getMonth()]} ${day} ${clock} ${now.getFullYear()}`;
}
