/** Archives of releases: packed and unpacked by tar(1), as the owner of `software_root`. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BuildError } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import { ArchiveInspector } from '../networkcache/archive.ts';
import type { Build } from './build.ts';

const TAR = '/usr/bin/tar';
/** Nobody but its user may write what is unpacked. */
const UMASK = 0o022;
const ARCHIVE = 'archive';
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
 * Unpacks `<work>/archive` into `<work>/<hash>`, after all of it was looked at.
 * @param work folder in `software_root` that belongs to its owner
 * @throws BuildError for an archive that is damaged or holds what it must not.
 */
export async function unpackArchive(build: Build, work: string): Promise<void> {
  const path = `${work}/${ARCHIVE}`;
  const found = detectCompression(await readMagic(build, path));
  const compression = await decompressForeign(build, work, found);
  await inspectArchive(build, path, compression);
  const options = ['--force-local', '--no-same-owner', '--no-same-permissions'];
  const gzip = compression === 'gzip' ? ['--gzip'] : [];
  await runTool(build, work, [TAR, '--extract', ...gzip, ...options, '--file', ARCHIVE]);
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

/** Node has no decompressor for xz and bzip2: their programs leave a plain archive. */
async function decompressForeign(
  build: Build,
  work: string,
  compression: Compression,
): Promise<Compression> {
  if (compression === 'gzip' || compression === 'none') return compression;
  const suffix = compression === 'xz' ? 'xz' : 'bz2';
  const packed = `${ARCHIVE}.${suffix}`;
  await build.root.rename(`${work}/${ARCHIVE}`, packed);
  await runTool(build, work, [`/usr/bin/${compression}`, '--decompress', packed]);
  return 'none';
}

async function inspectArchive(build: Build, path: string, compression: Compression): Promise<void> {
  const inspector = new ArchiveInspector(build.hash);
  const source = Readable.from(build.root.readStream(path), { objectMode: true });
  const plain = compression === 'gzip' ? decompress(source) : source;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) inspector.take(chunk);
    inspector.end();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError('SLAPOS_ERR_BUILD', `The archive is refused: ${why}.`, { cause });
  }
}

function decompress(source: Readable): Readable {
  const plain = createGunzip();
  source.on('error', (error) => plain.destroy(error));
  return source.pipe(plain);
}

async function runTool(build: Build, work: string, argv: readonly string[]): Promise<void> {
  const { context, owner, root } = build;
  const outcome = await context.host.run({
    argv,
    cwd: `${root.path}/${work}`,
    env: childEnvironment(context.env, { home: owner.home }),
    user: owner,
    umask: UMASK,
    signal: context.signal,
  });
  if (outcome.status === 0) return;
  const said = outcome.output.trim().split('\n').slice(0, 3).join(' ');
  throw new BuildError('SLAPOS_ERR_BUILD', `${argv[0]} failed: ${said || outcome.status}`);
}
