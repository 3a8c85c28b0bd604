/** `computer info` (spec/cli.md 6.5). */
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  const [wanted = ''] = context.positionals;
  return withMaster(context, async (session) => {
    const computer = await (await openApi(session)).getComputer(wanted);
    if (computer === null) {
      context.output.line(`Computer ${wanted} does not exist.`);
      return 2;
    }
    context.output.line(`Computer Reference: ${computer.reference}`);
    context.output.line(`Computer Title    : ${computer.title}`);
    return 0;
  });
};
