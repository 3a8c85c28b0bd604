import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  isAuthorized,
  mayConnect,
  mayUpgrade,
} from '../../../../src/supervisor/rpc/server-access.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('isAuthorized', () => {
  const clear = { username: 'admin', password: 'se:cret' };
  const hash = createHash('sha1').update('se:cret').digest('hex');

  it.each([clear, { ...clear, password: `{SHA}${hash}` }])('takes the right password', (wanted) => {
    expect(isAuthorized(basic('admin:se:cret'), wanted)).toBe(true);
    expect(isAuthorized(basic('admin:se:cret').replace('B', 'b'), wanted)).toBe(true);
    for (const header of [undefined, '', 'Basic', 'Basic !', 'Bearer x', basic('admin')]) {
      expect(isAuthorized(header, wanted)).toBe(false);
    }
    for (const text of ['admin:', 'admin:secret', ':se:cret', `admin:${hash}`, 'root:se:cret']) {
      expect(isAuthorized(basic(text), wanted)).toBe(false);
    }
  });
});

describe('mayConnect', () => {
  const socket = { kind: 'unix', path: '/s', mode: 0o700 } as const;

  it('lets root, the daemon and the owner use a private socket', () => {
    expect(mayConnect(socket, 0, 5)).toBe(true);
    expect(mayConnect(socket, 5, 5)).toBe(true);
    expect(mayConnect(socket, 1001, 0)).toBe(false);
    expect(mayConnect({ ...socket, owner: { uid: 1001, gid: 1 } }, 1001, 0)).toBe(true);
  });

  it('leaves a shared socket to its mode, and a port to its password', () => {
    expect(mayConnect({ ...socket, mode: 0o770 }, 1001, 0)).toBe(true);
    expect(mayConnect({ kind: 'inet', host: '', port: 1 }, 1001, 0)).toBe(true);
  });
});

describe('mayUpgrade', () => {
  const socket = { kind: 'unix', path: '/s', mode: 0o777 } as const;

  it('lets only root and the daemon have another program run in its place', () => {
    expect(mayUpgrade(socket, 0, 5)).toBe(true);
    expect(mayUpgrade(socket, 5, 5)).toBe(true);
    expect(mayUpgrade({ ...socket, owner: { uid: 1001, gid: 1 } }, 1001, 0)).toBe(false);
    expect(mayUpgrade(socket, undefined, 0)).toBe(false);
    expect(mayUpgrade({ kind: 'inet', host: '', port: 1 }, 0, 0)).toBe(false);
  });
});
