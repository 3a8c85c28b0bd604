/** `slapos node top`. */
import { SORT_KEYS } from '../../top/state.ts';
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

export const TOP_COMMAND: CommandSpec = {
  words: 'node top',
  group: 'node',
  summary: 'watch what the partitions use and how their services fare',
  description:
    'On a terminal it shows the node live: ? tells the keys. Into a pipe or a file, and with ' +
    '--once, it writes one plain table.',
  examples: [
    'slapos node top',
    'slapos node top --sort mem --filter greeter',
    'slapos node top --once --format json',
  ],
  options: [
    CFG_OPTION,
    {
      flags: ['--interval'],
      name: 'interval',
      arity: 'value',
      metavar: 'TIME',
      help: 'time between two looks, 250ms to 60s (1s)',
    },
    {
      flags: ['--sort'],
      name: 'sort',
      arity: 'value',
      choices: SORT_KEYS,
      help: 'what comes first (cpu)',
    },
    {
      flags: ['--filter'],
      name: 'filter',
      arity: 'value',
      metavar: 'TEXT',
      help: 'only partitions with this in their name, user, title or type',
    },
    { flags: ['--once'], name: 'once', arity: 'flag', help: 'look once and end' },
    {
      flags: ['--format'],
      name: 'format',
      arity: 'value',
      choices: ['text', 'json'],
      help: 'json: everything that is known, a line at each interval (text)',
    },
  ],
  configFamily: 'node',
  rootCheck: 'never',
  // q, Ctrl-C and a signal are how it ends.
  isServer: (options) => options['once'] !== true,
  load: () => import('./top.ts'),
};
