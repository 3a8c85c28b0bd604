/** What the panel requests and changes, and what it refuses. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PanelInstance, PanelRequest } from '../../../src/panel/api.ts';
import { type DescribedScene, startDescribedScene } from '../../support/described-scene.ts';
import { computerDocument, requestFields } from '../../support/proxy-fixture.ts';

let scene: DescribedScene;
let software: string;
beforeEach(async () => {
  scene = await startDescribedScene();
  ({ software } = scene.release);
});
afterEach(() => scene.close());

function asked(changes: Partial<PanelRequest> = {}): PanelRequest {
  return {
    title: 'one',
    softwareUrl: software,
    softwareType: 'default',
    isShared: false,
    state: 'started',
    parameters: { port: 80 },
    computerId: '',
    ...changes,
  };
}
const request = async (changes: Partial<PanelRequest> = {}) => {
  const { status, text } = await scene.post('request', asked(changes));
  return { status, ...JSON.parse(text) };
};
const detail = async (reference: string) =>
  JSON.parse((await scene.ask(`api/instance?${new URLSearchParams({ reference })}`)).text);
const setState = async (reference: string, state: string) => {
  const { status, text } = await scene.post('state', { reference, state });
  return { status, ...JSON.parse(text) };
};
const instances = async () => (await scene.overview()).instances;

describe('a request', () => {
  test('is what a client would have requested', async () => {
    const answer = await request({ parameters: { port: 80, names: ['ab'] } });
    expect(answer).toMatchObject({
      status: 200,
      reference: 'one______0',
      partition: 'slappart0',
      requestedState: 'started',
    });
    expect((await detail('one______0')).parameters).toEqual({
      serialisation: 'json',
      values: { port: 80, names: ['ab'] },
    });
    const { partition } = await scene.request('one', {
      softwareRelease: software,
      parameters: { _: '{\n  "port": 80,\n  "names": [\n    "ab"\n  ]\n}' },
    });
    expect(partition).toMatchObject({ partitionId: 'slappart0' });
    const before = await scene.store.read((tables) => tables.listPartitions(null));
    await request({ parameters: { port: 80, names: ['ab'] } });
    expect(await scene.store.read((tables) => tables.listPartitions(null))).toEqual(before);
  });

  test('keeps numbers as they were written', async () => {
    await scene.supply('/srv/none.cfg');
    const body = JSON.stringify(asked({ softwareUrl: '/srv/none.cfg' })).replace(
      '{"port":80}',
      '{"a":12345678901234567890,"b":1.0}',
    );
    expect((await scene.post('request', body)).status).toBe(200);
    expect((await detail('one______0')).parameters.values).toEqual({
      a: '12345678901234567890',
      b: '1.0',
    });
  });

  test('of a type with plain parameters sends them one by one', async () => {
    await request({ softwareType: 'plain', parameters: { port: 80, $schema: 'x' } });
    expect((await detail('one______0')).parameters).toEqual({
      serialisation: 'xml',
      values: { port: '80' },
    });
  });

  test('changes an instance, and refuses to where a new one is wanted', async () => {
    await request();
    expect(await request({ isNew: true })).toMatchObject({ status: 409, field: '/title' });
    expect(await request({ parameters: { port: 81 }, state: 'stopped' })).toMatchObject({
      status: 200,
      partition: 'slappart0',
      requestedState: 'stopped',
    });
    expect((await detail('one______0')).parameters.values).toEqual({ port: 81 });
    expect(await instances()).toHaveLength(1);
  });

  test('of a shared instance finds its host', async () => {
    await request({ title: 'host', softwareType: 'frontend' });
    const shared = { title: 'mine', softwareType: 'frontend', isShared: true };
    expect(await request(shared)).toMatchObject({
      status: 200,
      reference: 'mine______1',
      isShared: true,
      partition: 'slappart0',
    });
    expect((await detail('mine______1')).parameters).toEqual({
      serialisation: 'json',
      values: { port: 80 },
    });
  });

  test.each([
    [{}, '/parameters/port', /needs 'port'/],
    [{ port: 0 }, '/parameters/port', /port: must be at least 1, but is 0/],
    [{ port: '80' }, '/parameters/port', /must be an integer/],
    [{ port: 1, names: ['ab', 'c'] }, '/parameters/names/1', /at least 2 characters/],
    [{ port: 1, 'a/b~c': 1 }, '/parameters/a~1b~0c', /true or false/],
    [{ port: 1, 'x/y': 1 }, '/parameters/x~1y', /does not take 'x\/y'/],
    [{ port: 1, mail: 'nobody' }, '/parameters/mail', /must be a valid email/],
  ])('with parameters %j is wrong at %s', async (parameters, field, problem) => {
    expect(await request({ parameters })).toMatchObject({
      status: 422,
      field,
      problem: expect.stringMatching(problem),
    });
    expect(await instances()).toEqual([]);
  });

  test('tells how many other parameters are wrong', async () => {
    const { hint } = await request({ parameters: { port: 0, names: ['a'], mail: 'b' } });
    expect(hint).toBe('There are 2 more.');
  });

  test.each([
    [{ title: ' ' }, '/title'],
    [{ softwareUrl: 'https://evil.example/software.cfg' }, '/softwareUrl'],
    [{ softwareUrl: '/etc/passwd' }, '/softwareUrl'],
    [{ computerId: 'COMP-9' }, '/computerId'],
  ])('of %j is wrong at %s', async (changes, field) => {
    expect(await request(changes)).toMatchObject({ status: 422, field });
  });

  test('of nested values is refused where the software takes texts only', async () => {
    await scene.supply('/srv/none.cfg');
    const answer = await request({ softwareUrl: '/srv/none.cfg', parameters: { 'a/b': { c: 1 } } });
    expect(answer).toMatchObject({ status: 422, field: '/parameters/a~1b' });
  });

  test('goes where it is told, and says when nothing is free', async () => {
    await scene.form('loadComputerConfigurationFromXML', { xml: computerDocument(1, 'COMP-2') });
    expect(await request({ computerId: 'COMP-2' })).toMatchObject({ computerId: 'COMP-2' });
    expect(await request({ title: 'two', computerId: 'COMP-2' })).toMatchObject({
      status: 409,
      problem: 'No free computer partition found for: two',
    });
    expect(await request({ title: 'three', isShared: true })).toMatchObject({ status: 409 });
  });

  test('whose schema cannot be used is let through, as by slapos request', async () => {
    expect(await request({ softwareType: 'lost', parameters: { any: [1] } })).toMatchObject({
      status: 200,
    });
  });

  test.each([
    ['nonsense', 400],
    ['[]', 400],
    ['null', 400],
    ['{}', 400],
    [JSON.stringify({ ...asked(), more: 1 }), 400],
    [JSON.stringify({ ...asked(), title: 1 }), 400],
    [JSON.stringify({ ...asked(), title: 'x'.repeat(201) }), 400],
    [JSON.stringify({ ...asked(), title: 'a\u0000b' }), 400],
    [JSON.stringify({ ...asked(), state: 'destroyed' }), 400],
    [JSON.stringify({ ...asked(), parameters: [] }), 400],
    [JSON.stringify({ ...asked(), parameters: null }), 400],
    [`${'['.repeat(200)}${']'.repeat(200)}`, 400],
    [JSON.stringify(asked({ parameters: { port: 1, x: 'y'.repeat(1024 * 1024) } })), 413],
    ['\ufffd\ud800', 400],
  ])('that is nonsense changes nothing (%#)', async (body, status) => {
    const answer = await scene.post('request', body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ problem: expect.any(String) });
    expect(await instances()).toEqual([]);
  });

  test.each(['__proto__', 'constructor', 'toString'])('for the key %s is harmless', async (key) => {
    const body = JSON.stringify(asked()).replace('"port":80', `"port":80,"${key}":{"port":1}`);
    expect((await scene.post('request', body)).status).toBe(422);
    expect(({} as Record<string, unknown>)['port']).toBeUndefined();
  });
});

describe('a state', () => {
  test('stops, starts and destroys a root with the parameters that it has', async () => {
    await request({ parameters: { port: 80, names: ['ab'] } });
    const before = (await detail('one______0')).parameters;
    for (const state of ['stopped', 'started', 'destroyed', 'started'] as const) {
      expect(await setState('one______0', state)).toMatchObject({
        status: 200,
        reference: 'one______0',
        requestedState: state,
      });
    }
    expect((await detail('one______0')).parameters).toEqual(before);
    await setState('one______0', 'destroyed');
    const key = { computer_id: 'COMP-1', computer_partition_id: 'slappart0' };
    expect((await scene.form('destroyedComputerPartition', key)).text).toBe('OK');
    expect(await setState('one______0', 'started')).toMatchObject({ status: 404 });
    expect(await instances()).toEqual([]);
  });

  test('keeps empty and hostile parameters', async () => {
    const parameters = { empty: '', 'a<b': '"&>\u202e' };
    await scene.request('one', { parameters });
    await setState('one______0', 'stopped');
    expect((await detail('one______0')).parameters.values).toEqual(parameters);
  });

  test('of a child follows its root', async () => {
    await scene.request('root');
    const key = { computer_id: 'COMP-1', computer_partition_id: 'slappart0' };
    await scene.form(
      'requestComputerPartition',
      requestFields({ partition_reference: 'child', ...key }),
    );
    expect(await setState('child___root___0', 'stopped')).toMatchObject({
      status: 200,
      requestedBy: 'root______0',
      requestedState: 'stopped',
    });
    expect(await instances()).toHaveLength(2);
    await setState('root______0', 'stopped');
    expect(await setState('child___root___0', 'started')).toMatchObject({
      status: 409,
      problem: 'It follows root, which is stopped.',
    });
  });

  test('of a child whose root is gone may still be destroyed', async () => {
    await scene.request('root');
    const key = { computer_id: 'COMP-1', computer_partition_id: 'slappart0' };
    await scene.form(
      'requestComputerPartition',
      requestFields({ partition_reference: 'child', ...key }),
    );
    await scene.store.write((tables) =>
      tables.updatePartition(
        { computerReference: 'COMP-1', reference: 'slappart0' },
        { slapState: 'free', title: null, softwareRelease: null },
      ),
    );
    expect(await setState('child___root___0', 'destroyed')).toMatchObject({
      status: 200,
      requestedBy: '',
      requestedState: 'destroyed',
    });
    expect(await instances()).toHaveLength(1);
  });

  test('of a shared instance is there or not', async () => {
    await request({ title: 'host', softwareType: 'frontend' });
    await request({ title: 'mine', softwareType: 'frontend', isShared: true });
    expect(await setState('mine______1', 'stopped')).toMatchObject({ status: 409 });
    expect(await setState('mine______1', 'started')).toMatchObject({ status: 200 });
    expect(await setState('mine______1', 'destroyed')).toMatchObject({
      status: 200,
      title: 'mine',
      requestedState: 'destroyed',
    });
    expect((await instances()).map(({ title }: PanelInstance) => title)).toEqual(['host']);
  });

  test('of a name of two instances is not guessed', async () => {
    await scene.request('a____b');
    await scene.request('_b');
    const key = { computer_id: 'COMP-1', computer_partition_id: 'slappart1' };
    await scene.form(
      'requestComputerPartition',
      requestFields({ partition_reference: 'a', ...key }),
    );
    await scene.request('b');
    expect((await instances()).map(({ reference }) => reference)).toContain('a____b___0');
    await scene.store.write((tables) =>
      tables.updatePartition(
        { computerReference: 'COMP-1', reference: 'slappart0' },
        { title: 'a_', requestedBy: 'b' },
      ),
    );
    expect(await setState('a____b___0', 'destroyed')).toMatchObject({ status: 409 });
    expect((await instances()).every(({ requestedState }) => requestedState === 'started')).toBe(
      true,
    );
  });

  test.each([
    [{ reference: 'no', state: 'stopped' }, 404],
    [{ reference: 'one______0', state: 'paused' }, 400],
    [{ reference: 'one______0' }, 400],
    [{ reference: ['one______0'], state: 'stopped' }, 400],
  ])('%j is refused', async (body, status) => {
    await scene.request('one');
    expect((await scene.post('state', body)).status).toBe(status);
    expect((await instances())[0]?.requestedState).toBe('started');
  });
});
