/** `node register` (spec/cli.md 5.2). */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { REGISTRATION_OPTIONS } from '../registration-options.ts';
import { CFG_OPTION } from '../shared-options.ts';

function text(flag: string, name: string, metavar: string, help: string, preset?: string) {
  const spec: OptionSpec = { flags: [flag], name, arity: 'value', metavar, help };
  return preset === undefined ? spec : { ...spec, default: preset, help: `${help} (${preset})` };
}

export const REGISTER_COMMAND: CommandSpec = {
  words: 'node register',
  group: 'node',
  summary: 'register this computer on the Master and write its configuration',
  description:
    'Everything that can be checked here is checked before the token is used up. The answer is saved ' +
    'before anything is made of it: a run that was cut off is completed by the same command, ' +
    'without a new token. The former configuration folder is moved aside.',
  examples: [
    'slapos node register --interface-name eth0 my-computer',
    'slapos node register --token-file /root/token --dry-run my-computer',
  ],
  load: () => import('./register.ts'),
  positionals: [{ name: 'node_name', arity: 'one', help: 'title of the computer on the Master' }],
  options: [
    CFG_OPTION,
    text('--interface-name', 'interface_name', 'NAME', 'network interface to use', 'lo'),
    text('--master-url', 'master_url', 'URL', 'SlapOS Master', 'https://slap.vifib.com'),
    text(
      '--master-url-web',
      'master_url_web',
      'URL',
      'site that gives the certificate',
      'https://panel.rapid.space',
    ),
    {
      flags: ['--partition-number'],
      name: 'partition_number',
      arity: 'value',
      type: 'int',
      metavar: 'COUNT',
      default: 10,
      help: 'number of partitions (10)',
    },
    text('--ipv4-local-network', 'ipv4_local_network', 'NETWORK', 'IPv4 pool', '10.0.0.0/16'),
    text('--ipv6-interface', 'ipv6_interface', 'NAME', 'interface that has the IPv6 prefix'),
    text('--software-root', 'software_root', 'PATH', 'software releases', '/opt/slapgrid'),
    text('--instance-root', 'instance_root', 'PATH', 'partitions', '/srv/slapgrid'),
    {
      flags: ['--login-auth'],
      name: 'login_auth',
      arity: 'flag',
      help: 'log in with an account instead of a token',
    },
    text('--login', 'login', 'LOGIN', 'account on the Master'),
    text('--password', 'password', 'PASSWORD', 'password of the account'),
    text(
      '--password-file',
      'password_file',
      'FILE',
      'file that holds the password, - for standard input; also $SLAPOS_PASSWORD',
    ),
    text('--token', 'token', 'TOKEN', 'computer security token; asked for when absent, or ask'),
    ...REGISTRATION_OPTIONS,
    {
      flags: ['-t', '--create-tap'],
      name: 'create_tap',
      arity: 'flag',
      help: 'give each partition a tap device',
    },
    {
      flags: ['-n', '--dry-run'],
      name: 'dry_run',
      arity: 'flag',
      help: 'send nothing and change nothing: print the steps',
    },
  ],
  configFamily: 'node',
  isConfigOptional: true,
  rootCheck: 'always',
};
