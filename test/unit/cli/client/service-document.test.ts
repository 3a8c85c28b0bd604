/** What is told of a service (spec/cli.md 6.5). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readServiceDocument } from '../../../../src/cli/client/service-document.ts';
import type { Service } from '../../../../src/slap/hateoas-client.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-service-'));
  writeFileSync(join(folder, 'xml.cfg.json'), '{"serialisation": "xml"}');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function tell(changes: Partial<Service>, hasNews = true): Promise<Map<string, unknown>> {
  const service: Service = {
    softwareUrl: 'none.cfg',
    softwareType: 'default',
    isShared: false,
    requestedState: 'started',
    parameterXml: '',
    connection: '',
    news: undefined,
    ...changes,
  };
  return new Map(await readServiceDocument(service, folder, hasNews));
}

const xml = (id: string, text: string) =>
  `<instance><parameter id="${id}">${text}</parameter></instance>`;

test.each([
  [undefined, 'unsupported'],
  [null, 'unsupported'],
  ['text', 'unsupported'],
  [{ computer: [{ text: '#error' }] }, 'unsupported'],
  [{ instance: [] }, 'none'],
  [{ instance: [null, {}, { text: 'an #error' }] }, 'none'],
  [{ instance: [{ text: '#access ok' }] }, 'green'],
  [{ instance: [{ text: '#error bad' }], computer: [{ text: '#access' }] }, 'red'],
  [[{ text: '#access ok' }, { text: '#error bad' }], 'orange'],
])('news %j are %s', async (news, status) => {
  const told = await tell({ news });
  expect(told.get('status')).toBe(status);
  expect(told.has('news')).toBe(status !== 'unsupported');
  expect((await tell({ news }, false)).has('news')).toBe(false);
});

test.each([
  ['none.cfg', xml('_', '{"a": [1]}'), { a: [1] }],
  ['none.cfg', xml('_', 'no JSON'), new Map([['_', 'no JSON']])],
  ['xml.cfg', xml('_', '{"a": [1]}'), new Map([['_', '{"a": [1]}']])],
  ['none.cfg', xml('a', '1'), new Map([['a', '1']])],
  ['none.cfg', new Map([['a', null]]), new Map([['a', null]])],
  ['none.cfg', '', new Map()],
])('what %s publishes: %j', async (softwareUrl, connection, expected) => {
  expect((await tell({ softwareUrl, connection })).get('connection-parameters')).toEqual(expected);
});

test.each([
  [xml('_', '{"a": 1}'), { _: { a: 1 } }],
  [xml('_', 'no JSON'), { _: 'no JSON' }],
  [xml('a', '{}'), { a: '{}' }],
])('parameters %s', async (parameterXml, expected) => {
  expect((await tell({ parameterXml })).get('instance-parameters')).toEqual(expected);
});
