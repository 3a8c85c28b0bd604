/** `remove` (spec/cli.md 6.3). */
import type { CommandHandler } from '../command.ts';
import { resolveSoftware, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  const [software = '', node = ''] = context.positionals;
  return withMaster(context, async (session) => {
    const url = await resolveSoftware(software, session, context);
    context.log.info(`Requesting deletion of ${url} Software Release...`);
    await session.master.supplySoftware(url, node, 'destroyed');
    context.log.info('Done.');
    return 0;
  });
};
