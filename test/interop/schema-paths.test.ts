/** Random schemas and values: the same places are wrong for python-jsonschema, as upstream uses it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkValue } from '../../src/slap/schema-check.ts';
import type { SchemaDialect } from '../../src/slap/schema-dialect.ts';
import { gatherSchemas } from '../../src/slap/schema-set.ts';
import { jsonSchemas, schemaValues } from '../support/json-schemas.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

const peer = findPeerPython('jsonschema, slapos.util');
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const python = 'python' in peer ? peer.python : '';

const PATHS = `
import json, sys, warnings
warnings.simplefilter('ignore')
import jsonschema
result = []
for schema, value in json.load(sys.stdin):
  validator = jsonschema.validators.validator_for(schema)(schema)
  result.append(sorted(e.json_path for e in validator.iter_errors(value)))
json.dump(result, sys.stdout)
`;

const DRAFTS: Readonly<Record<SchemaDialect, string>> = {
  '4': 'http://json-schema.org/draft-04/schema#',
  '6': 'http://json-schema.org/draft-06/schema#',
  '7': 'http://json-schema.org/draft-07/schema#',
  '2019': 'https://json-schema.org/draft/2019-09/schema',
  '2020': 'https://json-schema.org/draft/2020-12/schema',
};

const URL_OF_ALL = new URL('https://example.org/schema.json');

async function listPaths(schema: unknown, value: unknown): Promise<string[]> {
  const schemas = await gatherSchemas(URL_OF_ALL, async () => structuredClone(schema));
  const options = { timeoutMs: 60_000, areFormatsChecked: false };
  const { problems } = await checkValue(schemas, value, options);
  return problems.map(({ path }) => path).sort();
}

const COUNT = 200;

describe.skipIf(note !== '')(`places of problems are python-jsonschema's${note}`, () => {
  test.each(Object.entries(DRAFTS))('draft %s', async (draft, $schema) => {
    const cases = fc.sample(fc.tuple(jsonSchemas(draft as SchemaDialect), schemaValues()), {
      numRuns: COUNT,
      seed: 6,
    });
    const given = cases.map(([schema, value]) => [{ ...schema, $schema }, value]);
    const expected = runPython(python, PATHS, given) as string[][];
    for (const [index, [schema, value]] of given.entries()) {
      const paths = await listPaths(schema, value);
      expect(paths, JSON.stringify({ schema, value }, null, 1)).toEqual(expected[index]);
    }
  });
});
