/** A software release that describes its parameters, in a temporary folder. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function createDescribedRelease() {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-release-'));
  const write = (name: string, value: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(value));
  };
  write('software.cfg.json', {
    name: 'Example',
    serialisation: 'json-in-xml',
    'software-type': {
      default: { request: 'input.json', response: 'output.json' },
      plain: { request: 'input.json', serialisation: 'xml' },
      frontend: { request: 'input.json', shared: true },
      lost: { request: 'nowhere.json' },
    },
  });
  write('input.json', {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    required: ['port'],
    additionalProperties: false,
    properties: {
      port: { $ref: 'common.json#/definitions/port' },
      names: { type: 'array', items: { type: 'string', minLength: 2 } },
      'a/b~c': { type: 'boolean' },
      mail: { type: 'string', format: 'email' },
    },
  });
  write('common.json', { definitions: { port: { type: 'integer', minimum: 1, maximum: 65535 } } });
  mkdirSync(join(folder, 'other'));
  write('other/software.cfg.json', { secret: 1 });
  return {
    software: join(folder, 'software.cfg'),
    /** Described too, by something that is nobody's business. */
    other: join(folder, 'other', 'software.cfg'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
