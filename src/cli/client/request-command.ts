/** `request` (spec/cli.md 6.2). */
import type { CommandSpec, OptionSpec } from '../command.ts';
import { CFG_OPTION } from '../shared-options.ts';
import { SOFTWARE_URL } from './options.ts';

function pairs(flag: string, name: string, help: string): OptionSpec {
  return { flags: [flag], name, arity: 'list', metavar: 'KEY=VALUE', help };
}

export const REQUEST_COMMAND: CommandSpec = {
  words: 'request',
  load: () => import('./request.ts'),
  group: 'client',
  summary: 'request an instance and show its state and parameters',
  examples: [
    'slapos request my-instance URL --node computer_guid=COMP-1234',
    'slapos request my-instance URL --parameters-file parameters.json',
    'slapos request my-instance URL --parameters-file FILE --validate error -n',
  ],
  positionals: [{ name: 'reference', arity: 'one', help: 'title of the instance' }, SOFTWARE_URL],
  options: [
    CFG_OPTION,
    pairs('--node', 'node', 'where to allocate, such as computer_guid=COMP-1234'),
    {
      flags: ['--type'],
      name: 'type',
      arity: 'value',
      metavar: 'TYPE',
      help: 'software type',
    },
    {
      flags: ['--state'],
      name: 'state',
      arity: 'value',
      metavar: 'STATE',
      help: 'started, stopped or destroyed',
    },
    { flags: ['--slave'], name: 'slave', arity: 'flag', help: 'request a shared instance' },
    {
      ...pairs('--parameters', 'parameters', 'parameters of the instance'),
      excludes: ['--parameters-file'],
    },
    {
      ...pairs('--configuration', 'parameters', 'older spelling of --parameters'),
      excludes: ['--parameters-file'],
      isHidden: true,
    },
    {
      flags: ['--parameters-file'],
      name: 'parameters_file',
      arity: 'value',
      type: 'file',
      metavar: 'FILE',
      help: 'JSON, YAML or XML file that holds the parameters; - is JSON from standard input',
    },
    {
      flags: ['--force-serialisation'],
      name: 'force_serialisation',
      arity: 'value',
      choices: ['xml', 'json-in-xml'],
      help: 'how the file is sent, instead of what the schema of the software says',
    },
    {
      flags: ['--validate'],
      name: 'validate',
      arity: 'value',
      choices: ['warn', 'error', 'off'],
      help: 'what to do when parameters do not validate against the schema of the software: warn and go on (the default), request nothing, or do not look',
    },
    {
      flags: ['-n', '--dry-run'],
      name: 'dry_run',
      arity: 'flag',
      help: 'check the parameters and show what would be sent, as JSON',
    },
  ],
  configFamily: 'client',
  rootCheck: 'never',
};
