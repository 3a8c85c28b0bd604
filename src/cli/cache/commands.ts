/** The commands of group `cachelookup` (spec/cli.md 8). */
import type { CommandSpec } from '../command.ts';
import { CFG_OPTION, outputFormat } from '../shared-options.ts';

export const CACHE_COMMANDS: readonly CommandSpec[] = [
  {
    words: 'cachelookup binary-sr',
    aliases: ['cache lookup'],
    group: 'cachelookup',
    load: () => import('./binary-sr.ts'),
    summary: 'list the builds of a software release in the binary cache',
    description:
      'Shows which builds this machine can use, and which somebody in signature-certificate-list signed.',
    positionals: [
      { name: 'software_url', arity: 'one', help: 'URL of the release or its MD5 sum' },
    ],
    examples: ['slapos cachelookup binary-sr https://example.com/software.cfg'],
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'cachelookup pypi',
    group: 'cachelookup',
    load: () => import('./pypi.ts'),
    summary: 'look a Python distribution up in the source cache',
    positionals: [
      { name: 'name', arity: 'one', help: 'name of the distribution' },
      { name: 'version', arity: 'one', help: 'version of the distribution' },
    ],
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'node',
    rootCheck: 'never',
  },
  {
    words: 'cachelookup url',
    aliases: ['cache source'],
    group: 'cachelookup',
    load: () => import('./url.ts'),
    summary: 'look a file up in the source cache',
    positionals: [{ name: 'url', arity: 'one', help: 'URL that the file was downloaded from' }],
    options: [CFG_OPTION, outputFormat('text', 'json')],
    configFamily: 'node',
    rootCheck: 'never',
  },
];
