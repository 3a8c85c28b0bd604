/** `computer list` (spec/cli.md 6.5). */
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const computers = await (await openApi(session)).listComputers();
    context.output.line(computers.length === 0 ? 'No existing computer.' : 'List of Computers:');
    for (const { reference, title } of computers) context.output.line(`${reference} ${title}`);
    return 0;
  });
};
