/** `service list` (spec/cli.md 6.5). */
import { printableName } from '../../log/printable.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import { comparePythonStrings } from '../../slap/python-text.ts';
import type { CommandHandler } from '../command.ts';
import { fitColumns, renderTable } from '../table.ts';
import { openApi, withMaster } from './session.ts';

const TITLES = ['title', 'software-url'];

export const run: CommandHandler = async (context) => {
  const { options, output } = context;
  return withMaster(context, async (session) => {
    const services = await (await openApi(session)).listServices();
    services.sort((left, right) => comparePythonStrings(left.title, right.title));
    const pairs = services.map(({ title, softwareUrl }) => [title, softwareUrl] as const);
    if (options['format'] !== 'table') {
      output.line(renderPythonJson(new Map(pairs)));
      return 0;
    }
    const rows = pairs.map((pair) => pair.map(printableName));
    const shown = output.isTerminal ? fitColumns(TITLES, rows, output.columns) : rows;
    for (const line of renderTable(TITLES, shown)) output.line(line);
    return 0;
  });
};
