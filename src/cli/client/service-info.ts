/** `service info` (spec/cli.md 6.5). */
import type { MarshalValue } from '../../slap/marshal-value.ts';
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
    if (context.options['format'] === 'json') {
      const { findLocalPartition } = await import('./local-partition.ts');
      const { softwareUrl } = service;
      const { masterUrl } = session.options;
      const partition = await findLocalPartition(context, { title, softwareUrl, masterUrl });
      const whole = new Map([...document, ['partition', partition as unknown as MarshalValue]]);
      context.output.line(renderPythonJson(whole));
      return 0;
    }
    context.output.line(renderPythonJson(document));
    return 0;
  });
};
