/** The texts that users see first. Regenerate with `npx vitest run --project unit test/golden/help.test.ts -u`. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderCommandHelp, renderCommandList, renderGlobalHelp } from '../../src/cli/help.ts';
import { COMMANDS } from '../../src/cli/registry.ts';

const expected = (name: string) => join(import.meta.dirname, 'help/expected', `${name}.txt`);

test('the help of slapos', async () => {
  await expect(renderGlobalHelp('VERSION', 80)).toMatchFileSnapshot(expected('slapos'));
});

test('the list of commands', async () => {
  await expect(renderCommandList(80)).toMatchFileSnapshot(expected('command-list'));
});

test.each(COMMANDS.map((command) => command.words))('the help of %s', async (words) => {
  const command = COMMANDS.find((one) => one.words === words);
  if (command === undefined) throw new Error(`no command ${words}`);
  const text = renderCommandHelp(command, 80);
  await expect(text).toMatchFileSnapshot(expected(words.replaceAll(' ', '-')));
  const lines = text.split('\n');
  expect(lines.filter((line) => line.length > 80 && !line.startsWith('  slapos '))).toEqual([]);
});

test('usage is wrapped to the width of the terminal', async () => {
  const command = COMMANDS.find((one) => one.words === 'node software');
  if (command === undefined) throw new Error('no command');
  await expect(renderCommandHelp(command, 50).split('\n\n')[0]).toMatchFileSnapshot(
    expected('narrow-usage'),
  );
});
