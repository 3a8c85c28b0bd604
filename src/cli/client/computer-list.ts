/** `computer list` (spec/cli.md 6.5). */
import { printableName } from '../../log/printable.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const computers = await (await openApi(session)).listComputers();
    if (context.options['format'] === 'json') {
      const rows = computers.map(({ reference, title }) => ({ reference, title }));
      context.output.line(renderPythonJson(rows));
      return 0;
    }
    context.output.line(computers.length === 0 ? 'No existing computer.' : 'List of Computers:');
    for (const { reference, title } of computers) {
      context.output.line(`${printableName(reference)} ${printableName(title)}`);
    }
    return 0;
  });
};
