/** Parts of the panel that need no server. */
import { describe, expect, test } from 'vitest';
import { Attempts } from '../../../src/panel/attempts.ts';
import { bundleSchemas } from '../../../src/panel/bundle-schemas.ts';
import { findCookies } from '../../../src/panel/session.ts';
import { type SteeringClient, steerService } from '../../../src/panel/steer-service.ts';
import { fault } from '../../../src/supervisor/rpc/fault.ts';

describe('attempts', () => {
  test('are remembered of a bounded number of people', () => {
    let now = 0;
    const attempts = new Attempts(() => now);
    for (let count = 0; count < 10; count += 1) attempts.fail('me');
    expect(attempts.waitS('me')).toBe(60);
    for (let other = 0; other < 1023; other += 1) attempts.fail(`other ${other}`);
    expect(attempts.waitS('me')).toBe(60);
    attempts.fail('one more');
    expect(attempts.waitS('me')).toBe(0);
    for (let count = 0; count < 10; count += 1) attempts.fail('me');
    now = 60_000;
    expect(attempts.waitS('me')).toBe(0);
    attempts.fail('me');
    expect(attempts.waitS('me')).toBe(0);
  });
});

describe('cookies', () => {
  test.each([
    [undefined, []],
    ['a=1', ['1']],
    ['b=1; a=2;a=3', ['2', '3']],
    ['xa=1; a =2; =3; a', ['2']],
    ['a=1=2', ['1=2']],
  ])('of %s', (header, values) => {
    expect(findCookies(header, 'a')).toEqual(values);
  });
});

describe('a bundle of schemas', () => {
  const set = (documents: Record<string, object | boolean>, root = 'https://schema.invalid/0') => ({
    dialect: '7' as const,
    root,
    documents: new Map(Object.entries(documents)) as never,
    hasUnevaluated: false,
    gaps: [],
  });

  test('has references to itself, also round', () => {
    const [first, second] = ['https://schema.invalid/0', 'https://schema.invalid/1'];
    const bundle = bundleSchemas(
      set({
        [first]: {
          properties: { a: { $ref: `${second}#/x` }, b: { $ref: `${first}#/properties/a` } },
        },
        [second]: { x: { items: { $ref: first } }, y: { $ref: 'https://other.example/' } },
      }),
    );
    expect(bundle).toEqual({
      properties: { a: { $ref: '#/$defs/slapos-0/x' }, b: { $ref: '#/properties/a' } },
      $defs: { 'slapos-0': { x: { items: { $ref: '#' } }, y: { $ref: 'https://other.example/' } } },
    });
  });

  test('of a part of a document begins there', () => {
    const only = 'https://schema.invalid/0';
    expect(bundleSchemas(set({ [only]: { a: { type: 'object' } } }, `${only}#/a`))).toEqual({
      $ref: '#/a',
      a: { type: 'object' },
    });
    expect(bundleSchemas(set({ [only]: true }))).toBe(true);
  });

  test('that is nested without end is cut', () => {
    let deep: object = {};
    for (let level = 0; level < 5000; level += 1) deep = { not: deep };
    expect(JSON.stringify(bundleSchemas(set({ 'https://schema.invalid/0': deep })))).toMatch(
      /true/,
    );
  });
});

describe('steering a service', () => {
  /** @param answers what a method does instead of succeeding */
  function supervisor(answers: Readonly<Record<string, () => Promise<unknown>>> = {}) {
    const calls: string[] = [];
    const process = { group: 'slappart0', name: 'web' };
    const client = {
      async call(method: string, ...words: readonly unknown[]) {
        calls.push([method.replace('supervisor.', ''), ...words].join(' '));
        return answers[method]?.() ?? true;
      },
      async callWithin() {
        return [process, { group: 'slappart1', name: 'web' }, { group: 'slappart0', name: 'a:b' }];
      },
      close: () => void calls.push('close'),
    } as unknown as SteeringClient;
    return { calls, open: () => client };
  }
  const order = (action: 'start' | 'stop' | 'restart', name = 'web') => ({
    partition: 'slappart0',
    name,
    action,
  });

  test.each([
    ['start', ['startProcess slappart0:web false']],
    ['stop', ['stopProcess slappart0:web true']],
    ['restart', ['stopProcess slappart0:web true', 'startProcess slappart0:web false']],
  ] as const)('%s', async (action, calls) => {
    const { open, calls: done } = supervisor();
    await steerService(open, order(action));
    expect(done).toEqual([...calls, 'close']);
  });

  test.each(['*', '', 'none', 'web:*', '../web', 'slappart0:web'])(
    'acts on nothing for the name %j',
    async (name) => {
      const { open, calls } = supervisor();
      await expect(steerService(open, order('stop', name))).rejects.toMatchObject({
        statusCode: 404,
      });
      expect(calls).toEqual(['close']);
    },
  );

  test('is done when it is so already', async () => {
    const { open } = supervisor({
      'supervisor.stopProcess': async () => {
        throw fault('NOT_RUNNING', 'slappart0:web');
      },
      'supervisor.startProcess': async () => {
        throw fault('ALREADY_STARTED', 'slappart0:web');
      },
    });
    await steerService(open, order('restart'));
  });

  test('tells why the supervisor refuses', async () => {
    const { open } = supervisor({
      'supervisor.startProcess': async () => {
        throw fault('NO_FILE', '/bin/none');
      },
    });
    await expect(steerService(open, order('start'))).rejects.toMatchObject({
      statusCode: 409,
      message: 'The supervisor does not start web: NO_FILE: /bin/none',
    });
  });

  test('does not wait for ever, and goes on', async () => {
    let finish = () => {};
    const stopping = new Promise<boolean>((resolve) => {
      finish = () => resolve(true);
    });
    const { open, calls } = supervisor({ 'supervisor.stopProcess': () => stopping });
    await steerService(open, order('restart'), 1);
    expect(calls).toEqual(['stopProcess slappart0:web true']);
    finish();
    while (!calls.includes('close')) await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toContain('startProcess slappart0:web false');
  });
});
