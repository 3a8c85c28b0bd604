/** `node certificate show` and `node certificate renew`: ours. */
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION, outputFormat } from '../shared-options.ts';

export const CERTIFICATE_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'node certificate show',
    load: () => import('./certificate-show.ts'),
    group: 'node',
    summary: 'show until when the certificates of node and partitions are valid',
    description: 'Exits with 1 when one of them cannot be used.',
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'node',
    rootCheck: 'permissive',
  },
  {
    words: 'node certificate renew',
    load: () => import('./certificate-renew.ts'),
    group: 'node',
    summary: 'get a new certificate for the node, in the name of a person',
    description:
      'The Master gives no new certificate to a node while its present one is valid: that is ' +
      'revoked first, by the certificate of a person who may do so (slapos configure client). The ' +
      'new pair is tried before it takes the place of the former, which stays beside it as .old.',
    examples: ['slapos node certificate renew --client-cfg /root/.slapos/slapos-client.cfg'],
    options: [
      CFG_OPTION,
      {
        flags: ['--client-cfg'],
        name: 'client_cfg',
        arity: 'value',
        metavar: 'CFG',
        help: 'client configuration of the person (~/.slapos/slapos-client.cfg)',
      },
      {
        flags: ['-n', '--dry-run'],
        name: 'dry_run',
        arity: 'flag',
        help: 'send nothing and change nothing: print the steps',
      },
    ],
    configFamily: 'node',
    rootCheck: 'permissive',
  },
];
