/** The files of a configuration: found by glob patterns, parsed once per version of each. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import { type IniFile, parseIni } from './ini.ts';

/** What reading a configuration looks at; tests put a fake in its place. */
export interface ConfigurationFiles {
  /** Changes whenever the content may have changed; undefined when there is no such file. */
  version(path: string): string | undefined;
  read(path: string): string;
  /**
   * Names in a folder; empty when there is none that this user may read.
   * @throws Error of the system for a folder that cannot be read for another reason: taken for
   *   empty, it would stop every service
   */
  list(folder: string): readonly string[];
  isDirectory(path: string): boolean;
}

/** What glob(3) takes for nothing, too. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'];

function statOf(path: string) {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** The real files. */
export const diskFiles: ConfigurationFiles = {
  version(path) {
    const status = statOf(path);
    return status?.isFile() ? `${status.ino}:${status.mtimeNs}:${status.size}` : undefined;
  },
  read: (path) => readFileSync(path, 'utf8'),
  list(folder) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (ABSENT.includes(errorCode(error))) return [];
      throw error;
    }
  },
  isDirectory(path) {
    try {
      return statOf(path)?.isDirectory() ?? false;
    } catch {
      return false;
    }
  },
};

/** A segment of a shell pattern as a regular expression. */
function segmentPattern(segment: string): RegExp {
  const source = segment.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 2) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}

function matchSegment(folder: string, segment: string, files: ConfigurationFiles): string[] {
  if (!/[*?[]/.test(segment)) return [segment];
  const pattern = segmentPattern(segment);
  const showsHidden = segment.startsWith('.');
  return files
    .list(folder)
    .filter((name) => (showsHidden || !name.startsWith('.')) && pattern.test(name));
}

/**
 * Paths that a shell pattern may mean, sorted; not all need to be files.
 * @throws Error as {@link ConfigurationFiles.list}
 */
export function findFiles(pattern: string, base: string, files: ConfigurationFiles): string[] {
  const full = isAbsolute(pattern) ? pattern : join(base, pattern);
  let found = ['/'];
  for (const segment of full.split('/').filter((part) => part !== '')) {
    found = found.flatMap((folder) => {
      return matchSegment(folder, segment, files).map((name) => join(folder, name));
    });
  }
  return found.sort();
}

/** Parses files, each again only when its version changed. */
export class IniCache {
  readonly #files: ConfigurationFiles;
  readonly #parsed = new Map<string, { readonly version: string; readonly file: IniFile }>();

  constructor(files: ConfigurationFiles) {
    this.#files = files;
  }

  /**
   * The parsed file; the same object as long as the file did not change.
   * @throws IniSyntaxError and what reading throws.
   */
  load(path: string): IniFile {
    return this.#load(path, this.#files.version(path) ?? '');
  }

  /** The same; undefined where there is no file. */
  loadIfPresent(path: string): IniFile | undefined {
    const version = this.#files.version(path);
    return version === undefined ? undefined : this.#load(path, version);
  }

  #load(path: string, version: string): IniFile {
    const known = this.#parsed.get(path);
    if (known !== undefined && known.version === version) return known.file;
    const file = parseIni(path, this.#files.read(path));
    this.#parsed.set(path, { version, file });
    return file;
  }

  /** Forgets files that are no longer part of the configuration. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#parsed.keys()) if (!paths.has(path)) this.#parsed.delete(path);
  }
}

/** `%(here)s` of a file. */
export function hereOf(path: string): string {
  return dirname(path);
}
