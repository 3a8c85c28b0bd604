/** Services of this machine, schemas of software, and methods of the API. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PanelSchema } from '../../../src/panel/api.ts';
import { type DescribedScene, startDescribedScene } from '../../support/described-scene.ts';
import { requestFields } from '../../support/proxy-fixture.ts';

let scene: DescribedScene;
let software: string;
beforeEach(async () => {
  scene = await startDescribedScene();
  ({ software } = scene.release);
});
afterEach(() => scene.close());

describe('a service', () => {
  const order = { partition: 'slappart0', name: 'web', action: 'restart' };

  test('of a partition of this machine is restarted', async () => {
    const answer = await scene.post('service', order);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ name: 'web', state: 'RUNNING' });
    expect(scene.node.orders).toEqual(['restart slappart0:web']);
  });

  test.each([
    [{ ...order, name: '*' }, 404],
    [{ ...order, partition: 'slappart1' }, 404],
    [{ ...order, partition: 'watchdog' }, 404],
    [{ ...order, action: 'signal' }, 400],
    [{ ...order, action: 'constructor' }, 400],
    [{ partition: 'slappart0', name: 'web' }, 400],
  ])('%j is refused', async (body, status) => {
    expect((await scene.post('service', body)).status).toBe(status);
    expect(scene.node.orders).toEqual([]);
  });
});

describe('a schema', () => {
  const read = async (url: string, more = '') => {
    const answer = await scene.ask(`api/schema?${new URLSearchParams({ url })}${more}`);
    return { status: answer.status, ...(JSON.parse(answer.text) as PanelSchema) };
  };

  test('is one document, with everything that it refers to', async () => {
    const { schema, serialisation, softwareTypes, reason } = await read(software);
    expect({ serialisation, softwareTypes, reason }).toEqual({
      serialisation: 'json',
      softwareTypes: ['default', 'plain', 'lost'],
      reason: '',
    });
    expect(schema).toMatchObject({
      required: ['port'],
      properties: { port: { $ref: '#/$defs/slapos-0/definitions/port' } },
      $defs: { 'slapos-0': { definitions: { port: { maximum: 65535 } } } },
    });
    expect(await read(software, '&type=plain')).toMatchObject({ serialisation: 'xml' });
    expect((await read(software, '&type=frontend&shared=1')).softwareTypes).toEqual(['frontend']);
  });

  test('that is not there has a reason', async () => {
    expect(await read(software, '&type=lost')).toMatchObject({
      schema: null,
      serialisation: 'json',
      reason: expect.stringContaining('nowhere.json'),
    });
    await scene.supply('/srv/none.cfg');
    expect(await read('/srv/none.cfg')).toMatchObject({
      schema: null,
      reason: 'There is no /srv/none.cfg.json.',
    });
    await scene.supply('relative.cfg');
    expect((await read('relative.cfg')).reason).toContain('neither a web address');
  });

  test('of software that nobody supplied or requested is not looked for', async () => {
    const other = scene.release.other;
    for (const url of [other, `file://${other}`, 'http://127.0.0.1:1/s.cfg', `${software}/../x`]) {
      const answer = await read(url);
      expect([url, answer.status]).toEqual([url, 403]);
      expect(JSON.stringify(answer)).not.toContain('secret');
    }
    await scene.request('root');
    const key = { computer_id: 'COMP-1', computer_partition_id: 'slappart0' };
    const child = { partition_reference: 'child', software_release: other, ...key };
    await scene.form('requestComputerPartition', requestFields(child));
    // A partition chose it.
    expect((await read(other)).status).toBe(403);
    await scene.request('mine', { softwareRelease: other });
    expect((await read(other)).status).toBe(200);
  });
});

describe('the API', () => {
  test.each([
    ['GET', 'api/state', 405, 'POST'],
    ['GET', 'api/request', 405, 'POST'],
    ['GET', 'login', 405, 'POST'],
    ['POST', 'api/overview', 405, 'GET, HEAD'],
    ['POST', 'api/events', 405, 'GET'],
    ['POST', '', 405, 'GET, HEAD'],
    ['POST', 'panel.js', 405, 'GET, HEAD'],
    ['PUT', 'api/state', 405, 'GET, HEAD, POST'],
    ['DELETE', 'api/overview', 405, 'GET, HEAD, POST'],
    ['GET', 'api/nothing', 404, undefined],
    ['GET', 'api/', 404, undefined],
    ['GET', 'api/constructor', 404, undefined],
    ['GET', 'api/%6fverview', 404, undefined],
  ])('%s %s is %i', async (method, path, status, allow) => {
    const headers = { 'content-type': 'application/json', 'x-slapos-panel': '1' };
    const answer = await scene.ask(path, { method, headers, body: method === 'GET' ? '' : '{}' });
    expect(answer.status).toBe(status);
    expect(answer.headers.allow).toBe(allow);
  });

  test('HEAD has no body', async () => {
    expect(await scene.ask('api/overview', { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
    });
  });
});
