/** `node supervisord`, `node supervisorctl` and its short forms (spec/cli.md 5.7, 5.8). */
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';
import { SUPERVISOR_ARGUMENTS } from './options.ts';

/** A command whose words after the name go to supervisorctl as they are. */
function supervisorctl(verb: string, summary: string, examples: readonly string[]): CommandSpec {
  return {
    words: `node ${verb}`,
    group: 'node',
    summary,
    examples,
    positionals: [SUPERVISOR_ARGUMENTS],
    options: [CFG_OPTION],
    configFamily: 'node',
    rootCheck: 'permissive',
    // Ctrl-C is how a followed log and the shell end.
    isServer: true,
    load: () => import('./supervisor.ts'),
  };
}

export const SUPERVISOR_COMMANDS: readonly CommandSpec[] = [
  supervisorctl('restart', 'restart services', ['slapos node restart slappart0:']),
  supervisorctl('start', 'start services', ['slapos node start slappart0:httpd']),
  supervisorctl('status', 'show the state of services', [
    'slapos node status',
    'slapos node status --why slappart0:',
    'slapos node status --format json',
  ]),
  supervisorctl('stop', 'stop services', ['slapos node stop slappart0:httpd']),
  supervisorctl('supervisorctl', 'control the services of this node', [
    'slapos node supervisorctl',
    'slapos node supervisorctl tail -f slappart0:httpd',
  ]),
  {
    words: 'node supervisord',
    group: 'node',
    summary: 'start the supervisor of the services',
    options: [
      CFG_OPTION,
      {
        flags: ['-n', '--nodaemon'],
        name: 'nodaemon',
        arity: 'flag',
        help: 'stay in the foreground',
      },
      {
        flags: ['--upgrade'],
        name: 'upgrade',
        arity: 'flag',
        help: 'replace the running supervisor by this version; services go on',
      },
    ],
    configFamily: 'node',
    rootCheck: 'never',
    isServer: true,
    load: () => import('./supervisor.ts'),
  },
  supervisorctl('tail', 'show the end of the log of a service', [
    'slapos node tail slappart0:httpd',
    'slapos node tail -f slappart0:httpd stderr',
  ]),
];
