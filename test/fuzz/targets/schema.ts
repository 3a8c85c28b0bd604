/** Documents of software releases: JSON schemas, and parameters in YAML. */
import { parseYamlText } from '../../../src/cli/client/yaml-parameters.ts';
import { renderPythonJson } from '../../../src/slap/python-json.ts';
import { checkValue } from '../../../src/slap/schema-check.ts';
import { parsePattern } from '../../../src/slap/schema-pattern.ts';
import { gatherSchemas } from '../../../src/slap/schema-set.ts';
import {
  findInstanceKind,
  locateRequestSchema,
  parseSerialisation,
} from '../../../src/slap/software-schema.ts';
import { Broken, ensure, type FuzzTarget, gives, textTarget } from '../driver/target.ts';

const SCHEMA = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: { a: { type: 'integer', minimum: 1 }, b: { $ref: '#/definitions/x' } },
  required: ['a'],
  additionalProperties: false,
  definitions: { x: { oneOf: [{ type: 'string', pattern: '^(?P<n>a)\\Z' }, { enum: [1, null] }] } },
});
const VALUES: readonly unknown[] = [{}, { a: 1, b: 'a' }, { a: 'x', c: [] }, [1, 'a'], null];

/** As the commands do: reasons are plain errors, of which nothing else is known. */
async function checkAll(document: unknown): Promise<void> {
  let schemas: Awaited<ReturnType<typeof gatherSchemas>>;
  try {
    schemas = await gatherSchemas(new URL('https://release/schema.json'), () => {
      return Promise.resolve(structuredClone(document));
    });
  } catch (error) {
    ensure(error instanceof RangeError || (error as Error).constructor === Error, `${error}`);
    return;
  }
  for (const value of VALUES) {
    try {
      const { problems } = await checkValue(schemas, value, {
        timeoutMs: 2000,
        areFormatsChecked: false,
      });
      for (const problem of problems) ensure(problem !== undefined, 'no problem');
    } catch (error) {
      if (error instanceof Broken) throw error;
      ensure((error as Error).constructor === Error, `${(error as Error).stack}`);
      return;
    }
  }
}

export const targets: readonly FuzzTarget[] = [
  textTarget({
    name: 'json-schema',
    // A validator is compiled for each value.
    slowMsPerKb: 2000,
    shape: 'json',
    maxBytes: 1024,
    seeds: [
      SCHEMA,
      '{"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"$dynamicRef": "#a"}], "unevaluatedProperties": false, "contains": {}, "$defs": {"a": {"$anchor": "a"}}}',
    ],
    words: [
      'allOf',
      'anyOf',
      'not',
      'if',
      'then',
      'else',
      '$id',
      'items',
      'patternProperties',
      'dependencies',
      'format',
      'const',
      'multipleOf',
      'uniqueItems',
      'propertyNames',
      '#',
      '#/',
      '#/definitions/x',
      '$recursiveRef',
      'https://release/schema.json',
    ],
    async run(text) {
      const document = gives(() => JSON.parse(text) as unknown, [SyntaxError]);
      if (document !== undefined) await checkAll(document);
    },
  }),
  textTarget({
    name: 'release-document',
    shape: 'json',
    seeds: [
      '{"serialisation": "json-in-xml", "software-type": {"default": {"request": "a.json", "index": 0}, "b": {"software-type": "default", "shared": true, "serialisation": "xml"}}}',
      '"^(?i)a\\\\-\\\\Z(?P<n>x)(?P=n)"',
    ],
    run(text) {
      const document = gives(() => JSON.parse(text) as unknown, [SyntaxError]);
      if (document === undefined) return;
      for (const isShared of [true, false]) {
        for (const softwareType of ['default', 'b', 'RootSoftwareInstance', '__proto__']) {
          const kind = { isShared, softwareType };
          parseSerialisation(document, kind);
          findInstanceKind(document, kind);
          gives(
            () => locateRequestSchema(document, kind, 'https://release/software.cfg', '/'),
            [Error],
          );
        }
      }
      if (typeof document === 'string') gives(() => parsePattern(document), [SyntaxError]);
    },
  }),
  textTarget({
    name: 'yaml-parameters',
    shape: 'lines',
    maxBytes: 1024,
    seeds: [
      'a: 1\nb: [1.5, yes, ~, "x"]\nc: &x {d: 0x10}\ne:\n  <<: *x\n  f: |\n    text\n',
      '- 1:30\n- 2026-11-20\n- !!str 1\n- 0o7\n',
    ],
    words: [
      '!!float',
      '!!binary',
      '? ',
      '*x',
      '&x ',
      '---',
      '...',
      '%YAML 1.1',
      '<<: *x',
      '.inf',
      '.nan',
      '0b1',
      '1_0',
    ],
    run(text) {
      const found = gives(() => parseYamlText(text), [Error, SyntaxError]);
      if (found !== undefined) renderPythonJson(found.value);
    },
  }),
];
