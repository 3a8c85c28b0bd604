/** Archives of releases: packed and unpacked by tar(1), as the owner of `software_root`. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BuildError, CancelledError } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import { ArchiveInspector, type ArchiveLimits } from '../networkcache/archive.ts';
import type { Build } from './build.ts';

const TAR = '/usr/bin/tar';
/** Nobody but its user may write what is unpacked. */
const UMASK = 0o022;
const ARCHIVE = 'archive';
const PLAIN = 'plain';
/** So much may be in any archive, however small it is. */
const SMALL_BYTES = 64 * 1024 * 1024;
/** gzip reaches 1032 with nothing but zeros, and some 5 with programs. */
const MAX_RATIO = 100;
const MAGIC_BYTES = 6;

type Compression = 'none' | 'gzip' | 'xz' | 'bzip2';

/** How an archive is compressed, by its first bytes. */
export function detectCompression(magic: Uint8Array): Compression {
  const hex = Buffer.from(magic).toString('hex');
  if (hex.startsWith('1f8b')) return 'gzip';
  if (hex.startsWith('fd377a585a00')) return 'xz';
  return hex.startsWith('425a68') ? 'bzip2' : 'none';
}

/**
 * Unpacks an archive in `work` into `<work>/<hash>`, after all of it was looked at.
 * @param work folder in `software_root` that belongs to its owner
 * @param name of the archive
 * @throws BuildError for an archive that is damaged or holds what it must not, or too much.
 */
export async function unpackArchive(build: Build, work: string, name: string): Promise<void> {
  const limits = await chooseLimits(build, `${work}/${name}`);
  const found = detectCompression(await readMagic(build, `${work}/${name}`));
  const plain = await decompressForeign(build, work, { name, compression: found }, limits);
  await inspectArchive(build, work, plain, limits);
  const options = ['--force-local', '--no-same-owner', '--no-same-permissions'];
  const gzip = plain.compression === 'gzip' ? ['--gzip'] : [];
  const argv = [TAR, '--extract', ...gzip, ...options, '--file', plain.name];
  await runTool(build, work, argv, limits.diskBytes);
}

/** What a disk can take, and how much larger than itself an archive of programs can be. */
async function chooseLimits({ context, root }: Build, path: string): Promise<ArchiveLimits> {
  const { host, options } = context;
  const sizeBytes = (await root.stat(path))?.sizeBytes ?? 0;
  const freeBytes = (await host.freeBytes(root.path)) - options.softwareMinFreeBytes;
  return {
    diskBytes: Math.max(0, freeBytes),
    plainBytes: Math.max(SMALL_BYTES, sizeBytes * MAX_RATIO),
  };
}

/** Packs the release into `<work>/archive`, its credentials left out. */
export async function packArchive(build: Build, work: string): Promise<string> {
  const { hash, root } = build;
  const what = ['--anchored', `--exclude=${hash}/.netrc`, '--directory', root.path, hash];
  const argv = [TAR, '--create', '--gzip', '--force-local', '--file', ARCHIVE, ...what];
  await runTool(build, work, argv);
  return `${work}/${ARCHIVE}`;
}

async function readMagic({ root }: Build, path: string): Promise<Uint8Array> {
  for await (const chunk of root.readStream(path)) return chunk.subarray(0, MAGIC_BYTES);
  return new Uint8Array();
}

interface Archive {
  readonly name: string;
  readonly compression: Compression;
}

/** Node has no decompressor for xz and bzip2: their programs leave a plain archive. */
async function decompressForeign(
  build: Build,
  work: string,
  archive: Archive,
  { diskBytes, plainBytes }: ArchiveLimits,
): Promise<Archive> {
  const { compression } = archive;
  if (compression === 'gzip' || compression === 'none') return archive;
  const packed = `${PLAIN}.${compression === 'xz' ? 'xz' : 'bz2'}`;
  await build.root.rename(`${work}/${archive.name}`, packed);
  const argv = [`/usr/bin/${compression}`, '--decompress', packed];
  await runTool(build, work, argv, Math.min(diskBytes, plainBytes));
  return { name: PLAIN, compression: 'none' };
}

async function inspectArchive(
  build: Build,
  work: string,
  { compression, name }: Archive,
  limits: ArchiveLimits,
): Promise<void> {
  const inspector = new ArchiveInspector(build.hash, limits);
  const source = Readable.from(build.root.readStream(`${work}/${name}`), { objectMode: true });
  const plain = compression === 'gzip' ? decompress(source) : source;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      build.context.signal.throwIfAborted();
      inspector.take(chunk);
    }
    inspector.end();
  } catch (cause) {
    if (build.context.signal.aborted) {
      throw new CancelledError('SLAPOS_ERR_CANCELLED', 'The extraction was interrupted.', {
        cause,
      });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError('SLAPOS_ERR_BUILD', `The archive is refused: ${why}.`, { cause });
  } finally {
    source.destroy();
    plain.destroy();
  }
}

function decompress(source: Readable): Readable {
  const plain = createGunzip();
  source.on('error', (error) => plain.destroy(error));
  return source.pipe(plain);
}

async function runTool(
  build: Build,
  work: string,
  argv: readonly string[],
  maxFileBytes?: number,
): Promise<void> {
  const { context, owner, root } = build;
  const outcome = await context.host.run({
    argv,
    cwd: `${root.path}/${work}`,
    env: childEnvironment(context.env, { home: owner.home }),
    user: owner,
    umask: UMASK,
    ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
    signal: context.signal,
  });
  if (outcome.status === 0) return;
  const said = outcome.output.trim().split('\n').slice(0, 3).join(' ');
  throw new BuildError('SLAPOS_ERR_BUILD', `${argv[0]} failed: ${said || outcome.status}`);
}
