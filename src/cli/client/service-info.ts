/** `service info` (spec/cli.md 6.5). */
import { renderPythonJson } from '../../slap/python-json.ts';
import { readSerialisation } from '../../slap/software-schema.ts';
import type { CommandHandler } from '../command.ts';
import { renderService } from './service-document.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  const [title = ''] = context.positionals;
  return withMaster(context, async (session) => {
    const service = await (await openApi(session)).getService(title);
    if (service === null) {
      context.log.warning(`Instance ${title} does not exist.`);
      return 2;
    }
    const { softwareUrl, softwareType } = service;
    const serialisation = await readSerialisation(softwareUrl, softwareType, context.cwd);
    const hasNews = context.options['news'] === true;
    context.output.line(renderPythonJson(renderService(service, serialisation, hasNews)));
    return 0;
  });
};
