/** Keys of a shadir server (spec/networkcache.md 10). Pure. */
import { md5 } from '../model/md5.ts';

/** Of the builds of a software release: a word that begins with an MD5 sum is a key already. */
export function binaryKey(urlOrSum: string): string {
  return /^[0-9a-f]{32}/.test(urlOrSum) ? urlOrSum : md5(urlOrSum);
}

/** Of a file of the source cache. */
export function sourceKey(url: string): string {
  return `file-urlmd5:${md5(url)}`;
}

/** Of a Python distribution in the source cache. */
export function distributionKey(name: string, version: string): string {
  return `pypi:${name}=${version}`;
}
