/** The commands of group `node` (spec/cli.md 5). */
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';
import { CERTIFICATE_COMMANDS } from './certificate-commands.ts';
import { DOCTOR_COMMAND } from './doctor-command.ts';
import { FORMAT_COMMAND } from './format-command.ts';
import { REGISTER_COMMAND } from './register-command.ts';
import { SLAPGRID_COMMANDS } from './slapgrid-commands.ts';
import { SUPERVISOR_COMMANDS } from './supervisor-commands.ts';
import { TOP_COMMAND } from './top-command.ts';

export const NODE_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'node bang',
    load: () => import('./bang.ts'),
    group: 'node',
    summary: 'ask the Master to have every partition of this computer processed again',
    examples: ['slapos node bang -m "disk replaced"'],
    options: [
      CFG_OPTION,
      {
        flags: ['-m', '--message'],
        name: 'message',
        arity: 'value',
        metavar: 'TEXT',
        help: 'reason that the Master records',
      },
    ],
    configFamily: 'node',
    rootCheck: 'permissive',
  },
  {
    words: 'node boot',
    group: 'node',
    summary: 'prepare the node once after the machine has started',
    options: [
      CFG_OPTION,
      {
        flags: ['-m', '--message'],
        name: 'message',
        arity: 'value',
        metavar: 'TEXT',
        default: 'Reboot',
        help: 'reason that the Master records (Reboot)',
      },
    ],
    description:
      'Waits until the interface of the node has an IPv6 address, formats, tells the Master, and ' +
      'has the next pass process every partition. What fails is tried again, ever less often.',
    examples: ['slapos node boot'],
    configFamily: 'node',
    rootCheck: 'permissive',
    load: () => import('./boot.ts'),
  },
  {
    words: 'node collect',
    group: 'node',
    summary: 'record what the partitions and the computer consume',
    description:
      'Once, as cron does every minute, or with --daemon at short intervals: then it serves metrics ' +
      'and series of every partition on --listen, and still writes the rows of each minute.',
    examples: [
      'slapos node collect',
      'slapos node collect --daemon --interval 1s --listen 127.0.0.1:9101',
    ],
    options: [
      CFG_OPTION,
      { flags: ['--daemon'], name: 'daemon', arity: 'flag', help: 'sample until told to stop' },
      {
        flags: ['--interval'],
        name: 'interval',
        arity: 'value',
        metavar: 'TIME',
        help: 'time between two samples of the daemon, 250ms to 60s (1s)',
      },
      {
        flags: ['--listen'],
        name: 'listen',
        arity: 'value',
        metavar: 'ADDRESS:PORT',
        help: 'where the daemon serves /metrics, /partitions, /series and /events (nowhere)',
      },
      {
        flags: ['--reader'],
        name: 'reader',
        arity: 'value',
        choices: ['auto', 'bpf', 'procfs'],
        help: 'how the daemon reads processes (auto)',
      },
    ],
    isServer: (options) => options['daemon'] === true,
    configFamily: 'node',
    rootCheck: 'always',
    load: () => import('./collect.ts'),
  },
  DOCTOR_COMMAND,
  ...CERTIFICATE_COMMANDS,
  FORMAT_COMMAND,
  REGISTER_COMMAND,
  ...SLAPGRID_COMMANDS,
  ...SUPERVISOR_COMMANDS,
  TOP_COMMAND,
];
