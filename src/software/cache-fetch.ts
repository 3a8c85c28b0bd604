/** The archive of a release from the cache into a file, with its progress. */
import { renderByteSize } from '../config/byte-size.ts';
import { SlaposError } from '../errors/slapos-error.ts';
import { ownedBy } from '../grid/owner.ts';
import type { PartFile } from '../host/grid-host.ts';
import type { CacheClient } from '../networkcache/client.ts';
import type { BlobTarget } from '../networkcache/transfer.ts';
import type { Build } from './build.ts';
import { createTeller } from './cache-progress.ts';

/** The disk is looked at each time so much has come. */
const SPACE_STEP_BYTES = 64 * 1024 * 1024;

/**
 * Brings an archive into the work folder; what an interrupted run left of it there is not asked for
 * again.
 * @returns its name in the folder.
 * @throws SlaposError SLAPOS_ERR_CACHE, SLAPOS_ERR_NO_SPACE, HostError, CancelledError.
 */
export async function fetchArchive(
  build: Build,
  client: CacheClient,
  work: string,
  sha512: string,
): Promise<string> {
  const name = `${sha512}.part`;
  await prepareFolder(build, work, name);
  const part = await openPart(build, `${work}/${name}`);
  try {
    await client.download(sha512, createTarget(build, part));
  } finally {
    await part.close();
  }
  return name;
}

/** Nothing is in the folder then but what can be gone on with. */
async function prepareFolder(
  { context, owner, root }: Build,
  work: string,
  kept: string,
): Promise<void> {
  const status = await root.stat(work);
  if (status !== undefined && (status.kind !== 'directory' || status.uid !== owner.uid)) {
    await root.remove(work);
  }
  await root.makeFolder(work, ownedBy(context.host, owner, 0o700));
  for (const name of await root.list(work)) {
    if (name !== kept) await root.remove(`${work}/${name}`);
  }
}

async function openPart({ context, owner, root }: Build, path: string): Promise<PartFile> {
  const options = ownedBy(context.host, owner, 0o600);
  try {
    return await root.openPart(path, options);
  } catch {
    // Something else than a file of ours stands there.
    await root.remove(path);
    return await root.openPart(path, options);
  }
}

function createTarget(build: Build, part: PartFile): BlobTarget {
  const tell = createTeller(build, 'Downloaded', 'from');
  let checkedBytes: number | undefined;
  return {
    read: () => part.read(),
    append: (chunk) => part.append(chunk),
    async clear() {
      checkedBytes = undefined;
      await part.clear();
    },
    async expect({ doneBytes, totalBytes }) {
      tell(doneBytes, totalBytes);
      if (checkedBytes !== undefined && doneBytes < checkedBytes + SPACE_STEP_BYTES) return;
      checkedBytes = doneBytes;
      await checkSpace(build, totalBytes === undefined ? 0 : totalBytes - doneBytes);
    },
  };
}

/** @throws SlaposError SLAPOS_ERR_NO_SPACE when the rest does not fit beside what is kept free. */
async function checkSpace({ context, root, url }: Build, restBytes: number): Promise<void> {
  const { host, options } = context;
  const freeBytes = await host.freeBytes(root.path);
  if (freeBytes >= restBytes + options.softwareMinFreeBytes) return;
  const kept = renderByteSize(options.softwareMinFreeBytes);
  throw new SlaposError(
    'SLAPOS_ERR_NO_SPACE',
    `Not enough space in ${root.path} for the archive of ${url}: ${renderByteSize(restBytes)} to come, ${renderByteSize(freeBytes)} free, of which ${kept} are to stay (option 'software_min_free_space')`,
  );
}
