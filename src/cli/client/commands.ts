/** The commands of group `client` (spec/cli.md 6). */
import type { CommandSpec } from '../command.ts';
import { REGISTRATION_OPTIONS } from '../registration-options.ts';
import { CFG_OPTION, outputFormat } from '../shared-options.ts';
import { CONSOLE_COMMAND } from './console-command.ts';
import { NODE_REFERENCE, SOFTWARE_URL, url } from './options.ts';
import { REQUEST_COMMAND } from './request-command.ts';

const COMPUTER_REFERENCE = {
  name: 'reference',
  arity: 'one',
  help: 'reference of the computer, such as COMP-1234',
} as const;

const COMPUTER_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'computer info',
    load: () => import('./computer-info.ts'),
    group: 'client',
    summary: 'show one of your computers',
    positionals: [COMPUTER_REFERENCE],
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'client',
    rootCheck: 'never',
  },
  {
    words: 'computer list',
    load: () => import('./computer-list.ts'),
    group: 'client',
    summary: 'list your computers',
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'client',
    rootCheck: 'never',
  },
  {
    words: 'computer token',
    load: () => import('./computer-token.ts'),
    group: 'client',
    summary: 'get a token to register a computer',
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'client',
    rootCheck: 'never',
  },
];

const CONFIGURE_CLIENT: CommandSpec = {
  words: 'configure client',
  load: () => import('./configure-client.ts'),
  group: 'client',
  summary: 'get a certificate and write the configuration of the client',
  options: [
    CFG_OPTION,
    url('--master-url', 'master_url', 'SlapOS Master', 'https://slap.vifib.com'),
    url(
      '--master-url-web',
      'master_url_web',
      'site that gives the certificate',
      'https://panel.rapid.space',
    ),
    {
      flags: ['--token'],
      name: 'token',
      arity: 'value',
      metavar: 'TOKEN',
      help: 'credential security token; asked for when absent, or ask',
    },
    ...REGISTRATION_OPTIONS,
    {
      flags: ['-n', '--dry-run'],
      name: 'dry_run',
      arity: 'flag',
      help: 'send nothing and change nothing: print the steps',
    },
  ],
  configFamily: 'client',
  isConfigOptional: true,
  rootCheck: 'never',
};

const SERVICE_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'service info',
    load: () => import('./service-info.ts'),
    aliases: ['info'],
    group: 'client',
    summary: 'show one of your services',
    positionals: [{ name: 'service_reference', arity: 'one', help: 'title of the service' }],
    options: [
      CFG_OPTION,
      {
        flags: ['--news'],
        name: 'news',
        arity: 'flag',
        help: 'show the news of its instances too',
      },
      outputFormat('text', 'json'),
    ],
    configFamily: 'client',
    rootCheck: 'never',
  },
  {
    words: 'service list',
    load: () => import('./service-list.ts'),
    aliases: ['list'],
    group: 'client',
    summary: 'list your services',
    options: [CFG_OPTION, outputFormat('json', 'table')],
    configFamily: 'client',
    rootCheck: 'never',
  },
];

export const CLIENT_COMMANDS: readonly CommandSpec[] = [
  ...COMPUTER_COMMANDS,
  CONFIGURE_CLIENT,
  CONSOLE_COMMAND,
  {
    words: 'remove',
    load: () => import('./remove.ts'),
    group: 'client',
    summary: 'remove a software release from a computer',
    examples: ['slapos remove URL COMP-1234'],
    positionals: [SOFTWARE_URL, NODE_REFERENCE],
    options: [CFG_OPTION],
    configFamily: 'client',
    rootCheck: 'never',
  },
  REQUEST_COMMAND,
  ...SERVICE_COMMANDS,
  {
    words: 'supply',
    load: () => import('./supply.ts'),
    group: 'client',
    summary: 'have a software release installed on a computer',
    examples: ['slapos supply URL COMP-1234'],
    positionals: [SOFTWARE_URL, NODE_REFERENCE],
    options: [CFG_OPTION],
    configFamily: 'client',
    rootCheck: 'never',
  },
];
