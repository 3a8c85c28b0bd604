/** Folders with their owners and modes (spec/format.md 8). Pure. */
import { join } from 'node:path';
import { PlanError } from '../errors/slapos-error.ts';
import type { FileStatus } from '../host/host.ts';
import type { Computer } from '../model/computer.ts';
import type { FormatOptions } from './options.ts';
import type { AccountPlan } from './plan-accounts.ts';
import type { Owner, Step } from './step.ts';

const ROOT_MODE = 0o755;
const PARTITION_MODE = 0o750;
const CERTIFICATES_MODE = 0o700;

interface WantedDirectory {
  readonly path: string;
  readonly mode: number;
  readonly owner: Owner | null;
  readonly isRecursive: boolean;
  /** Whether root may have made it a link, which is followed. */
  readonly mayBeLink: boolean;
  /** False: only created, left as it is afterwards. */
  readonly isKept: boolean;
}

export function planDirectories(
  computer: Computer,
  paths: ReadonlyMap<string, FileStatus>,
  accounts: AccountPlan,
  options: FormatOptions,
): Step[] {
  return wantedDirectories(computer, accounts, options).flatMap((wanted) =>
    planDirectory(wanted, paths.get(wanted.path)),
  );
}

/** Every folder that format looks at. */
export function directoryPaths(computer: Computer, options: FormatOptions): string[] {
  const nobody: AccountPlan = { steps: [], warnings: [], ownerOf: () => null };
  return wantedDirectories(computer, nobody, options).map(({ path }) => path);
}

function wantedDirectories(
  computer: Computer,
  accounts: AccountPlan,
  options: FormatOptions,
): WantedDirectory[] {
  const ownerOf = (name: string) => (options.areUsersAltered ? accounts.ownerOf(name) : null);
  const root = { mode: ROOT_MODE, owner: null, isRecursive: true, mayBeLink: true, isKept: true };
  const partitions = computer.partitions.flatMap(({ path, user, externalStorages }) =>
    [path, ...externalStorages].map((folder) => ({
      path: folder,
      mode: PARTITION_MODE,
      owner: ownerOf(user.name),
      isRecursive: false,
      mayBeLink: false,
      isKept: true,
    })),
  );
  return [
    { ...root, path: computer.instanceRoot },
    { ...root, path: computer.softwareRoot, owner: ownerOf(computer.softwareUser) },
    ...partitions,
    ...certificateDirectory(options),
  ];
}

function certificateDirectory(options: FormatOptions): WantedDirectory[] {
  const path = options.certificateRepositoryPath;
  if (path === null) return [];
  const folder = { path, mode: CERTIFICATES_MODE, owner: null };
  return [{ ...folder, isRecursive: true, mayBeLink: false, isKept: false }];
}

function planDirectory(wanted: WantedDirectory, found: FileStatus | undefined): Step[] {
  const { path, mode, owner, isRecursive, mayBeLink } = wanted;
  if (found === undefined) return [{ kind: 'directoryCreate', path, mode, isRecursive, owner }];
  // Its target was looked at already.
  if (mayBeLink && found.kind === 'link' && found.uid === 0) throw danglingLink(path);
  if (found.kind !== 'directory') {
    throw new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `${path} exists and is not a folder.`, {
      hint: 'Move it away.',
      context: { path },
    });
  }
  if (!wanted.isKept) return [];
  const isOwned = owner === null || (found.uid === owner.uid && found.gid === owner.gid);
  if (isOwned && found.mode === mode) return [];
  return [
    {
      kind: 'directoryChange',
      path,
      mode: found.mode === mode ? null : mode,
      owner: isOwned ? null : owner,
    },
  ];
}

function danglingLink(path: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `${path} is a link to what is not there.`, {
    hint: 'Mount its disk, or correct the link.',
    context: { path, link: path },
  });
}

/** The folders of a partition in the external storages, in stable order. */
export function externalStorages(storages: readonly string[], reference: string): string[] {
  return storages.map((storage) => join(storage, reference));
}
