/** `service list` (spec/cli.md 6.5). */
import { renderPythonJson } from '../../slap/python-json.ts';
import { comparePythonStrings } from '../../slap/python-text.ts';
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const services = await (await openApi(session)).listServices();
    services.sort((left, right) => comparePythonStrings(left.title, right.title));
    const pairs = services.map(({ title, softwareUrl }) => [title, softwareUrl] as const);
    context.output.line(renderPythonJson(new Map(pairs)));
    return 0;
  });
};
