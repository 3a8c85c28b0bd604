/** `[networkcache]` as `node software` uses it for whole releases (spec/networkcache.md 1). */
import type { GridSettings } from './grid-settings.ts';
import { splitLines } from './values.ts';

/** Paths of PEM files for one service. */
export interface CacheTlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface BinaryCacheOptions {
  readonly downloadCacheUrl: string | undefined;
  readonly downloadDirUrl: string | undefined;
  readonly uploadCacheUrl: string | undefined;
  readonly uploadDirUrl: string | undefined;
  readonly privateKeyFile: string | undefined;
  /** PEM texts. */
  readonly certificates: readonly string[];
  readonly cacheTls: CacheTlsFiles;
  readonly dirTls: CacheTlsFiles;
  /** Beginnings of URLs that are never downloaded. */
  readonly downloadBlacklist: readonly string[];
  /** Beginnings of URLs that are never uploaded. */
  readonly uploadBlacklist: readonly string[];
  /** Beginnings of URLs that are never built here. */
  readonly forceList: readonly string[];
}

/** PEM files of the two services. */
export const CACHE_FILES = [
  'shacache-ca-file',
  'shacache-cert-file',
  'shacache-key-file',
  'shadir-ca-file',
  'shadir-cert-file',
  'shadir-key-file',
] as const;

const BEGIN = '-----BEGIN CERTIFICATE-----';

export function readBinaryCacheOptions(settings: GridSettings): BinaryCacheOptions {
  const text = (name: string) => settings.text(name)?.trim() || undefined;
  const downloadBlacklist =
    text('download-from-binary-cache-url-blacklist') ?? text('binary-cache-url-blacklist');
  return {
    downloadCacheUrl: text('download-binary-cache-url'),
    downloadDirUrl: text('download-binary-dir-url'),
    uploadCacheUrl: text('upload-binary-cache-url'),
    uploadDirUrl: text('upload-binary-dir-url'),
    privateKeyFile: text('signature-private-key-file') ?? text('signature_private_key_file'),
    certificates: parseCertificateList(settings.text('signature-certificate-list') ?? ''),
    cacheTls: readTlsFiles(text, 'shacache'),
    dirTls: readTlsFiles(text, 'shadir'),
    downloadBlacklist: splitLines(downloadBlacklist ?? ''),
    uploadBlacklist: splitLines(text('upload-to-binary-cache-url-blacklist') ?? ''),
    forceList: splitLines(text('download-from-binary-cache-force-url-list') ?? ''),
  };
}

function readTlsFiles(
  text: (name: string) => string | undefined,
  service: 'shacache' | 'shadir',
): CacheTlsFiles {
  const caFile = text(`${service}-ca-file`);
  const certFile = text(`${service}-cert-file`);
  const keyFile = text(`${service}-key-file`);
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}

/** PEM blocks one after the other. */
export function parseCertificateList(text: string): readonly string[] {
  return text
    .split(BEGIN)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
    .map((piece) => `${BEGIN}\n${piece}`);
}

/** The first item of a list that an URL begins with. */
export function findPrefix(list: readonly string[], url: string): string | undefined {
  return list.find((item) => url.startsWith(item));
}
