import type { OptionSpec } from './command.ts';

/** Options that only we have: where secrets come from, and whom to trust. */
export const REGISTRATION_OPTIONS: readonly OptionSpec[] = [
  {
    flags: ['--token-file'],
    name: 'token_file',
    arity: 'value',
    metavar: 'FILE',
    help: 'file that holds the token, - for standard input; also $SLAPOS_TOKEN',
  },
  {
    flags: ['--master-ca-file'],
    name: 'master_ca_file',
    arity: 'value',
    metavar: 'FILE',
    help: 'authorities that vouch for site and Master, instead of those of Node and system',
  },
  {
    flags: ['--insecure'],
    name: 'insecure',
    arity: 'flag',
    help: 'do not check who the site and the Master are',
  },
];
