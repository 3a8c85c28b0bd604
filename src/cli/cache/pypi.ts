/** `cachelookup pypi` (spec/networkcache.md 10). */
import { distributionKey } from '../../networkcache/key.ts';
import type { CommandHandler } from '../command.ts';
import { showSource } from './source.ts';

export const run: CommandHandler = async (context) => {
  const [name = '', version = ''] = context.positionals;
  return await showSource(context, {
    key: distributionKey(name, version),
    nameKey: 'basename',
    heading: `Python egg ${name} version ${version}`,
    failed: `Error while looking egg ${name} version ${version}`,
    asked: { name, version },
  });
};
