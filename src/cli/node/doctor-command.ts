/** `node doctor`: ours, upstream has no such command. */
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';

export const DOCTOR_COMMAND: CommandSpec = {
  words: 'node doctor',
  group: 'node',
  summary: 'look for what keeps this node from working well, and say what to do about it',
  description:
    'Looks at kernel, programs, limits, configuration, folders, IPv6, certificate, Master, clock ' +
    'and supervisor, and changes nothing. Exit status 1 when there is a problem.',
  examples: ['sudo slapos node doctor', 'sudo slapos node doctor --format json'],
  options: [
    CFG_OPTION,
    {
      flags: ['--format'],
      name: 'format',
      arity: 'value',
      metavar: 'FORMAT',
      choices: ['text', 'json'],
      default: 'text',
      help: 'text (default) or json',
    },
    {
      flags: ['--takeover'],
      name: 'takeover',
      arity: 'flag',
      help: 'instead, show what changes when this program takes over a node of another SlapOS',
    },
  ],
  configFamily: 'node',
  isConfigOptional: true,
  rootCheck: 'never',
  load: () => import('./doctor.ts'),
};
