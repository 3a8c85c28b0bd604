/** Many looks at the folders of partitions in one go; the owner may have put anything there. */
import { constants } from 'node:fs';
import type { FileKind } from '../host.ts';
import { loadNative, type NativeAddon } from '../native.ts';
import type { NativeStatus } from './native-look.ts';

/** What to look at; all paths are relative to one folder that only we can change. */
export interface LookRequest {
  /** Regular files to read, as UTF-8. */
  readonly texts?: readonly string[];
  /** Folders whose entries are listed. */
  readonly folders?: readonly string[];
  /** A folder with more entries is refused; 10,000 unless told. */
  readonly maxNames?: number;
  /** What a path leads to, links followed; nothing of it is read. */
  readonly targets?: readonly string[];
}

/**
 * What was found: undefined where nothing stands, `refused` where a link or another kind of file is
 * in the way, where there is too much of it, or where the kernel refused.
 */
export type Seen<Found> = Found | undefined | 'refused';

export interface SeenText {
  readonly text: string;
  readonly modifiedMs: number;
}

export interface SeenTarget {
  readonly kind: FileKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
}

/** In the order of the request. */
export interface Looks {
  readonly texts: ReadonlyArray<Seen<SeenText>>;
  /** Names sorted. */
  readonly folders: ReadonlyArray<Seen<readonly string[]>>;
  readonly targets: ReadonlyArray<Seen<SeenTarget>>;
}

/** A saved promise result with 5,000 characters of twelve bytes is the longest text that counts. */
const MAX_BYTES = 64 * 1024;
const MAX_NAMES = 10_000;

const KINDS: ReadonlyMap<number, FileKind> = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'link'],
]);

type LookAddon = Pick<NativeAddon, 'lookBeneath'>;

/** @throws NativeFailure when `root` itself cannot be opened. */
export async function lookBeneath(
  root: string,
  { texts = [], folders = [], targets = [], maxNames = MAX_NAMES }: LookRequest,
  addon: () => LookAddon = loadNative,
): Promise<Looks> {
  const limits = { maxBytes: MAX_BYTES, maxNames };
  const look = await addon().lookBeneath({ root, texts, folders, targets, ...limits });
  return {
    texts: look.texts.map((one) => {
      if (one === null) return undefined;
      return 'text' in one ? one : 'refused';
    }),
    folders: look.folders.map((one) => {
      if (one === null) return undefined;
      return 'code' in one ? 'refused' : one;
    }),
    targets: look.targets.map((one) => {
      if (one === null) return undefined;
      return 'code' in one ? 'refused' : toTarget(one);
    }),
  };
}

/** Field by field: there are thousands of them every second or two. */
function toTarget({ gid, mode, modifiedMs, uid }: NativeStatus): SeenTarget {
  const kind = KINDS.get(mode & constants.S_IFMT) ?? 'other';
  return { kind, mode: mode & 0o7777, uid, gid, modifiedMs };
}
