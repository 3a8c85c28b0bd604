import { describe, expect, it } from 'vitest';
import { parseSharedSocket } from '../../../../src/supervisor/configuration/fcgi-section.ts';

function parse(values: Readonly<Record<string, string>>, user?: string) {
  return parseSharedSocket({
    sectionName: 'fcgi-program:x',
    text: (key) => values[key],
    findOwner: (text) => (text === 'bob' ? { uid: 7, gid: 8 } : undefined),
    user,
  });
}

describe('parseSharedSocket', () => {
  it('reads a path with its mode and owner, the user of the program by default', () => {
    expect(parse({ socket: 'unix:///s', socket_mode: '0770', socket_backlog: '5' })).toEqual({
      url: 'unix:///s',
      address: { kind: 'unix', path: '/s', mode: 0o770 },
      backlog: 5,
    });
    expect(parse({ socket: 'unix:///s' }, 'bob').address).toEqual({
      kind: 'unix',
      path: '/s',
      mode: 0o700,
      owner: { uid: 7, gid: 8 },
    });
  });

  it('reads a port', () => {
    expect(parse({ socket: 'tcp://[::1]:80' }).address).toEqual({
      kind: 'tcp',
      host: '::1',
      port: 80,
    });
  });

  it.each([
    [{}, '[fcgi-program:x] section requires a "socket" line'],
    [{ socket: 'foo' }, 'Bad socket format foo in [fcgi-program:x] socket'],
    [{ socket: 'tcp://a' }, 'Bad socket format tcp://a in [fcgi-program:x] socket'],
    [{ socket: 'unix://rel' }, 'Unix socket path rel is not an absolute path'],
    [{ socket: 'tcp://a:1', socket_mode: '0700' }, 'should only be used with a Unix domain socket'],
    [{ socket: 'unix:///s', socket_owner: 'eve' }, 'Invalid socket_owner value eve'],
    [{ socket: 'unix:///s', socket_mode: '9' }, 'Invalid socket_mode value 9'],
    [{ socket: 'unix:///s', socket_backlog: '0' }, 'Invalid socket_backlog value 0'],
  ])('refuses %j', (values, message) => {
    expect(() => parse(values as Record<string, string>)).toThrow(message);
  });
});
