/** `computer info` (spec/cli.md 6.5). */
import { printableName } from '../../log/printable.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  const [wanted = ''] = context.positionals;
  const isJson = context.options['format'] === 'json';
  return withMaster(context, async (session) => {
    const computer = await (await openApi(session)).getComputer(wanted);
    if (computer === null) {
      const message = `Computer ${printableName(wanted)} does not exist.`;
      if (isJson) context.log.warning(message);
      else context.output.line(message);
      return 2;
    }
    const { reference, title } = computer;
    if (isJson) {
      context.output.line(renderPythonJson({ reference, title }));
      return 0;
    }
    context.output.line(`Computer Reference: ${printableName(reference)}`);
    context.output.line(`Computer Title    : ${printableName(title)}`);
    return 0;
  });
};
