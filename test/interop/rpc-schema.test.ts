/** What the methods of the JSON-RPC API take, against the schemas that upstream checks bodies with. */
import { expect, test } from 'vitest';
import { RPC_METHODS } from '../../src/proxy/rpc.ts';
import type { ObjectSchema, PropertySchema } from '../../src/proxy/rpc-schema.ts';
import { findPeerPython, runPython } from '../support/peer-python.ts';

const peer = findPeerPython('slapos.proxy.views');
const note = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';
const PROGRAM = `
import os, slapos.proxy
print(open(os.path.join(os.path.dirname(slapos.proxy.__file__), 'json_rpc.json')).read())
`;

interface JsonSchema {
  readonly type: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly enum?: readonly string[];
  readonly maxLength?: number;
  readonly items?: JsonSchema;
}

interface Specification {
  readonly paths: Readonly<
    Record<
      string,
      {
        readonly post: {
          readonly requestBody: {
            readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>;
          };
        };
      }
    >
  >;
}

/** Upstream's texts of 200 characters are titles that are looked for: ours finds longer ones too. */
const LONGER = new Set(['slapos.get.v0.instance_tree']);

function describeTheirs(
  { properties = {}, required = [] }: JsonSchema,
  isBounded: boolean,
): object {
  const entries = Object.entries(properties).map(([name, schema]) => {
    const { type, maxLength, items, additionalProperties: others } = schema;
    const isObject = type === 'object' && typeof others === 'object';
    const more = {
      choices: schema.enum === undefined ? undefined : [...schema.enum].sort(),
      maxLength: isBounded ? maxLength : undefined,
      items: items && describeTheirs(items, isBounded),
      others: isObject ? others.type : undefined,
    };
    return [name, { type, isRequired: required.includes(name), ...more }];
  });
  return Object.fromEntries(entries) as object;
}

function describeOurs(schema: ObjectSchema): object {
  const entries = Object.entries(schema).map(([name, property]: [string, PropertySchema]) => {
    const { type, isRequired = false, choices, maxLength, items, others } = property;
    const more = {
      choices: choices && [...choices].sort(),
      maxLength,
      items: items && describeOurs(items.properties ?? {}),
      others: others?.type,
    };
    return [name, { type, isRequired, ...more }];
  });
  return Object.fromEntries(entries) as object;
}

test.skipIf(note !== '')(`bodies are checked as upstream does${note}`, () => {
  const { paths } = runPython(python, PROGRAM, null) as Specification;
  for (const [path, { post }] of Object.entries(paths)) {
    const name = path.slice(1);
    const schema = post.requestBody.content['application/json']?.schema;
    if (schema === undefined) throw new Error(`${name} has no schema`);
    const ours = RPC_METHODS[name]?.input;
    expect([name, ours && describeOurs(ours)]).toEqual([
      name,
      describeTheirs(schema, !LONGER.has(name)),
    ]);
    expect([name, schema.additionalProperties]).toEqual([name, false]);
  }
});
