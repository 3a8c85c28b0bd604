/** How many promises of a partition fail by their last results (spec/promise.md 3). */
import type { BeneathFiles } from '../../host/file.ts';
import { parsePromiseResult } from '../../promise/promise-result.ts';

const FOLDER = '.slapgrid/promise/result';
const SUFFIX = '.status.json';
/** A partition may write there: what is beyond is not read. */
const MAX_FILES = 1000;
const MAX_BYTES = 64 * 1024;

/**
 * @param path folder of the partition
 * @returns undefined when it has no results, or none that can be read
 */
export async function countFailingPromises(
  files: Pick<BeneathFiles, 'list' | 'readTexts'>,
  path: string,
): Promise<number | undefined> {
  try {
    const entries = await files.list(path, FOLDER, { maxEntries: MAX_FILES });
    const names = (entries ?? []).map(({ name }) => name).filter((name) => name.endsWith(SUFFIX));
    if (names.length === 0) return undefined;
    const paths = names.map((name) => `${FOLDER}/${name}`);
    const texts = await files.readTexts(path, paths, { maxBytes: MAX_BYTES });
    return texts.filter(
      (text) => typeof text === 'string' && parsePromiseResult(text)?.hasFailed === true,
    ).length;
  } catch {
    // Something else stands there: the partition's own business.
    return undefined;
  }
}
