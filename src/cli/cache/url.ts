/** `cachelookup url`, once `cache source` (spec/networkcache.md 10). */
import { sourceKey } from '../../networkcache/key.ts';
import type { CommandHandler } from '../command.ts';
import { showSource } from './source.ts';

export const run: CommandHandler = async (context) => {
  const [url = ''] = context.positionals;
  return await showSource(context, {
    key: sourceKey(url),
    nameKey: 'url',
    heading: `Software source URL: ${url}`,
    failed: `Error while looking object ${url}`,
    asked: { url },
  });
};
