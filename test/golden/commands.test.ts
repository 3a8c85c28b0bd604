/**
 * `docs/commands.md` says what the registry says. Write it anew:
 * `npx vitest run --project unit FILE -u`.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CommandSpec, OptionSpec } from '../../src/cli/command.ts';
import { metavarOf } from '../../src/cli/commander-parser.ts';
import { GLOBAL_OPTIONS } from '../../src/cli/global-options.ts';
import { renderUsage } from '../../src/cli/help.ts';
import { COMMANDS } from '../../src/cli/registry.ts';

const HEAD = `# Commands

Made from the registry of commands (\`src/cli/registry.ts\`), like \`slapos help COMMAND\`, completion and
the manual pages. Names of options take dashes and underscores alike.
`;

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function renderOption(option: OptionSpec): string {
  const metavar = option.arity === 'flag' ? '' : ` ${metavarOf(option)}`;
  const flags = option.flags.map((flag) => `\`${flag}\``).join(', ');
  return `| ${flags}${cell(metavar)} | ${cell(option.help)} |`;
}

function renderTable(options: readonly OptionSpec[]): string {
  const shown = options.filter(({ isHidden }) => isHidden !== true);
  if (shown.length === 0) return '';
  return ['| Option | |', '|---|---|', ...shown.map(renderOption), ''].join('\n');
}

function renderCommand(command: CommandSpec): string {
  const { aliases = [], description, summary, positionals = [], examples = [] } = command;
  const first = summary.charAt(0).toUpperCase() + summary.slice(1);
  return [
    `## \`slapos ${command.words}\`\n`,
    `${first}.${aliases.length > 0 ? ` Also \`slapos ${aliases.join('`, `slapos ')}\`.` : ''}\n`,
    ...(description === undefined ? [] : [`${description}\n`]),
    `\`\`\`\n${renderUsage(command, 100)}\n\`\`\`\n`,
    ...positionals.map(({ name, help }) => `- \`${name}\`: ${help}\n`),
    renderTable(command.options),
    ...(examples.length > 0 ? [`\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`] : []),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

test('the document of commands is that of the registry', async () => {
  const general = `## Options of every command\n\n${renderTable(GLOBAL_OPTIONS)}`;
  const text = [HEAD, general, ...COMMANDS.map(renderCommand)].join('\n');
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../docs/commands.md'));
});
