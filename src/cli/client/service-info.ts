/** `service info` (spec/cli.md 6.5). */
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandHandler } from '../command.ts';
import { readServiceDocument } from './service-document.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  const [title = ''] = context.positionals;
  return withMaster(context, async (session) => {
    const service = await (await openApi(session)).getService(title);
    if (service === null) {
      context.log.warning(`Instance ${title} does not exist.`);
      return 2;
    }
    const hasNews = context.options['news'] === true;
    const document = await readServiceDocument(service, context.cwd, hasNews);
    context.output.line(renderPythonJson(document));
    return 0;
  });
};
