/** What the Master is told about the host beside its partitions (spec/format.md 18). */
import { readFile } from 'node:fs/promises';
import { arch, release, type as systemName } from 'node:os';
import { machineHint } from '../errors/machine-refusal.ts';
import { errorCode } from '../errors/slapos-error.ts';
import { refusal } from '../host/folder/beneath-refusal.ts';
import { parseOsRelease } from '../host/os-release.ts';

export interface Facts {
  /** JSON text: platform, distribution id, version, name. */
  readonly osType: string;
  readonly slaposVersion: string;
  /** Recorded for new computers only; no consumer reads it. */
  readonly pythonVersion: string;
  /** Null when nobody said: the value of the last run stays. */
  readonly publicIpv4Address: string | null;
}

/** Names of processors in uname(2), as Python's platform module writes them. */
const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/**
 * `["Linux-6.1.0-18-amd64-x86_64-with-glibc2.36", "debian", "12", "Debian GNU/Linux"]`
 * @throws HostError SLAPOS_ERR_FILE while the file cannot be read
 */
export async function readOsType(
  glibcVersion: string,
  osReleasePath = '/etc/os-release',
): Promise<string> {
  const osRelease = parseOsRelease(await readOrEmpty(osReleasePath));
  const distribution = ['ID', 'VERSION_ID', 'NAME'].map((key) => osRelease.get(key) ?? '');
  return renderOsType([platformText(glibcVersion), ...distribution]);
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // The Master would be told of another system.
    if (machineHint(errorCode(error)) !== undefined) throw refusal(path, error);
    return '';
  }
}

/** JSON with Python's separators and ASCII escapes. */
export function renderOsType(words: readonly string[]): string {
  const ascii = (word: string) =>
    JSON.stringify(word).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  return `[${words.map(ascii).join(', ')}]`;
}

function platformText(glibcVersion: string): string {
  const machine = MACHINES[arch()] ?? arch();
  return `${systemName()}-${release()}-${machine}${glibcVersion === '' ? '' : `-with-glibc${glibcVersion}`}`;
}
