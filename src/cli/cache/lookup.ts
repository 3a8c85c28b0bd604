/** What the three `cachelookup` commands have in common: asking, and what is said when that fails. */
import type { KeyObject } from 'node:crypto';
import { readBinaryCacheOptions } from '../../config/binary-cache-options.ts';
import { mergeGridSettings } from '../../config/grid-settings.ts';
import { requireValue } from '../../config/values.ts';
import { errorCode, errorMessage, isSlaposError } from '../../errors/slapos-error.ts';
import { createCacheClient } from '../../networkcache/client.ts';
import type { CacheEntry } from '../../networkcache/entry.ts';
import { readTrustedKeys } from '../../networkcache/signature.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';

const SECTION = 'networkcache';

/** What is told instead of entries, in upstream's words. */
export interface LookupTexts {
  readonly notFound: string;
  /** The server answered with another status. */
  readonly refused: string;
  /** Whether that is as bad as no answer. */
  readonly isRefusalCritical: boolean;
  readonly failed: string;
}

export interface Lookup {
  readonly dirUrl: string;
  readonly entries: readonly CacheEntry[];
  readonly trustedKeys: readonly KeyObject[];
}

/**
 * Asks the cache for a key. @returns undefined when there is nothing to show; it was said why.
 * @param kind which of the two caches
 * @throws ConfigError for what the configuration lacks, CancelledError.
 */
export async function lookUp(
  context: CommandContext,
  kind: 'binary' | 'source',
  key: string,
  texts: LookupTexts,
): Promise<Lookup | undefined> {
  const { config, log, signal } = context;
  const prefix = kind === 'binary' ? 'download-binary' : 'download';
  const cacheUrl = requireValue(config, SECTION, `${prefix}-cache-url`);
  const dirUrl = requireValue(config, SECTION, `${prefix}-dir-url`);
  requireValue(config, SECTION, 'signature-certificate-list');
  const options = readBinaryCacheOptions(mergeGridSettings(config, {}));
  const { keys, problems } = readTrustedKeys(options.certificates);
  for (const problem of problems) log.info(`${problem}, ignoring`);
  const { cacheTls, dirTls } = options;
  try {
    const client = createCacheClient({ cacheUrl, dirUrl, cacheTls, dirTls }, signal);
    const entries = await client.lookUp(key);
    if (entries !== undefined) return { dirUrl, entries, trustedKeys: keys };
    log.info(texts.notFound, { event: 'cachelookup.not_found', key });
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    tellFailure(context, texts, error);
  }
  return undefined;
}

/** Upstream's line, then, in the place of its traceback, what went wrong. */
function tellFailure({ log }: CommandContext, texts: LookupTexts, error: unknown): void {
  const hint = isSlaposError(error) && error.hint !== undefined ? ` (${error.hint})` : '';
  const why = `${errorMessage(error)}${hint} [SLAPOS_ERR_CACHE]`;
  const fields = { event: 'cachelookup.failed', code: 'SLAPOS_ERR_CACHE' };
  const isRefused = isSlaposError(error) && typeof error.context['status'] === 'number';
  if (isRefused && !texts.isRefusalCritical) {
    log.info(texts.refused, fields);
    log.debug(why);
    return;
  }
  log.critical(isRefused ? texts.refused : texts.failed, fields);
  log.error(why);
}

/** The exit status of a lookup without a result: the seed's 10 means a busy node everywhere else. */
export const NOTHING_FOUND = EXIT.failure;
