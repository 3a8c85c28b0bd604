/** Options and positionals that several client commands share (spec/cli.md 6). */
import type { OptionSpec, PositionalSpec } from '../command.ts';

export const SOFTWARE_URL: PositionalSpec = {
  name: 'software_url',
  arity: 'one',
  help: 'software release: a URL, product.NAME or an alias of the configuration',
};

export const NODE_REFERENCE: PositionalSpec = {
  name: 'node',
  arity: 'one',
  help: 'reference of the computer, such as COMP-1234',
};

export function url(flag: string, name: string, help: string, preset: string): OptionSpec {
  return {
    flags: [flag],
    name,
    arity: 'value',
    metavar: 'URL',
    default: preset,
    help: `${help} (${preset})`,
  };
}
