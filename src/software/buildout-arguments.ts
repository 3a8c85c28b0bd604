/** What buildout is given: profile, parameters, bootstrap (spec/grid.md 5, "Buildout of a software"). */
import { join } from 'node:path';

export interface BuildoutFacts {
  readonly path: string;
  readonly isForced: boolean;
  readonly networkcache: ReadonlyMap<string, string>;
}

/** What every buildout of a release has among its words, bootstrap included. */
export function directoryParameter(path: string): string {
  return `buildout:directory=${path}`;
}

/** The arguments of every buildout run of a software release, bootstrap included. */
export function buildoutArguments(facts: BuildoutFacts): readonly string[] {
  const { networkcache, path } = facts;
  const isCacheUsed = ['signature-private-key-file', 'upload-cache-url', 'upload-dir-url'].some(
    (name) => networkcache.has(name),
  );
  return [
    `buildout:extends-cache=${path}/extends-cache`,
    directoryParameter(path),
    ...(isCacheUsed ? ['buildout:networkcache-section=networkcache'] : []),
    ...[...networkcache].map(([name, value]) => `networkcache:${name}=${value}`),
    ...(facts.isForced ? [] : ['-N']),
    '-c',
    join(path, 'buildout.cfg'),
  ];
}

/** The first `buildout.cfg` of a software folder; later runs keep what stands there. */
export function renderSoftwareProfile(
  url: string,
  sharedPartList: string,
  buildTimePartList: string,
): string {
  return (
    `[buildout]\nextends = ${url}\n` +
    `shared-part-list = ${renderMultiline(sharedPartList)}\n` +
    `build-time-part-list = ${renderMultiline(buildTimePartList)}\n`
  );
}

/** Every line after the first is indented by a tab, so that it continues the value. */
function renderMultiline(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.map((line) => `\n\t${line}`).join('');
}

/**
 * The profile with a comment that says of which git revision it was built.
 * @returns undefined when the last line says it already.
 */
export function addRevision(profile: string, revision: string, now: Date): string | undefined {
  const last = profile.trimEnd().split('\n').pop() ?? '';
  if (last.endsWith(` git revision: ${revision}`)) return undefined;
  const date = now.toISOString().slice(0, 19).replace('T', ' ');
  return `${profile.replace(/\n?$/, '\n')}# ${date} git revision: ${revision}\n`;
}

/** A file that says: the last run used the `bin/buildout` it found, without bootstrap. */
export const BOOTSTRAP_SKIPPED = 'bin/buildout-bootstrap-skipped';

/**
 * A run that skipped the bootstrap and failed leaves the marker, so that the next one bootstraps.
 */
export function needsBootstrap(facts: {
  readonly hadSkippedMarker: boolean;
  readonly hasBuildout: boolean;
}): boolean {
  return facts.hadSkippedMarker || !facts.hasBuildout;
}
