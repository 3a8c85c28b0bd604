import { describe, expect, it } from 'vitest';
import { renderSyslogMessage } from '../../../src/host/log/syslog.ts';
import type { DaemonConfig } from '../../../src/supervisor/configuration/program-config.ts';
import { parseServers } from '../../../src/supervisor/configuration/server-sections.ts';
import { parseSupervisordOptions } from '../../../src/supervisor/configuration/supervisord-options.ts';
import { journalPath, planKeeperArguments } from '../../../src/supervisor/supervisord-command.ts';

describe('options of supervisord', () => {
  it('takes short and long ones, joined and apart', () => {
    const options = parseSupervisordOptions(['-nc/a', '--pidfile=/p', '--logl', 'debug']);
    expect(options.configuration).toBe('/a');
    expect(Object.fromEntries(options.overrides)).toEqual({
      nodaemon: 'true',
      pidfile: '/p',
      loglevel: 'debug',
    });
  });

  it.each([
    [['-x'], 'option -x not recognized'],
    [['--nope'], 'option --nope not recognized'],
    [['-c'], 'option -c requires argument'],
    [['--pidfile'], 'option --pidfile requires argument'],
    [['--nodaemon=1'], 'option --nodaemon must not have an argument'],
    [['--no'], 'option --no not a unique prefix'],
    [['a', 'b'], "positional arguments are not supported: ['a', 'b']"],
  ])('refuses %j', (argv, message) => {
    expect(() => parseSupervisordOptions(argv)).toThrow(message);
  });
});

function servers(text: Record<string, Record<string, string>>) {
  const sections = Object.entries(text).map(([name, values]) => {
    return { name, file: '/f', here: '/', values: new Map(Object.entries(values)) };
  });
  return parseServers(sections, {
    expansions: new Map(),
    cwd: '/run',
    findOwner: (name) => (name === 'bob:staff' ? { uid: 7, gid: 8 } : undefined),
  });
}

describe('parseServers', () => {
  it('reads sockets and ports with who may use them', () => {
    expect(
      servers({
        'inet_http_server:x': { port: '*:9001', username: 'u', password: '{SHA}00' },
        unix_http_server: { file: 'sv.sock', chmod: '0770', chown: 'bob:staff' },
        'unix_http_server:b': { file: '/b.sock' },
      }),
    ).toEqual([
      { kind: 'unix', path: '/run/sv.sock', mode: 0o770, owner: { uid: 7, gid: 8 } },
      { kind: 'unix', path: '/b.sock', mode: 0o700 },
      { kind: 'inet', host: '', port: 9001, credentials: { username: 'u', password: '{SHA}00' } },
    ]);
  });

  it.each([
    ['9001', '127.0.0.1', 9001],
    [':9001', '127.0.0.1', 9001],
    ['*:80', '', 80],
    ['[::1]:80', '::1', 80],
    ['example.org:80', 'example.org', 80],
  ])('listens for %s on %s', (port, host, number) => {
    expect(servers({ inet_http_server: { port } })).toEqual([{ kind: 'inet', host, port: number }]);
  });

  it.each([
    [{ unix_http_server: {} }, 'section [unix_http_server] has no file value'],
    [{ inet_http_server: {} }, 'section [inet_http_server] has no port value'],
    [{ inet_http_server: { port: 'a:b' } }, "invalid literal for int() with base 10: 'b'"],
    [{ unix_http_server: { file: 'x', chmod: '899' } }, 'Invalid chmod value 899'],
    [{ unix_http_server: { file: 'x', chown: 'eve' } }, 'Invalid sockchown value eve'],
    [{ unix_http_server: { file: 'x', username: 'u' } }, 'contains incomplete authentication'],
  ])('refuses %j', (text, message) => {
    expect(() => servers(text as Record<string, Record<string, string>>)).toThrow(message);
  });
});

describe('planKeeperArguments', () => {
  it('tells the keeper where to listen and what the command line said', () => {
    const daemon = {
      logFile: '/l',
      pidFile: '/run/sv.pid',
      umask: 0o27,
      isInForeground: true,
      directory: '/d',
      servers: [{ kind: 'unix', path: '/s', mode: 0o770, owner: { uid: 1, gid: 2 } }],
    } as unknown as DaemonConfig;
    const overrides = new Map([['nodaemon', 'true']]);
    const runtime = { node: '/node', controller: '/c.js' };
    expect(planKeeperArguments('/f', daemon, overrides, runtime).join(' ')).toBe(
      '-c /f --node /node --controller /c.js --pidfile /run/sv.pid --journal /run/sv.state ' +
        '--logfile /l --umask 027 --nodaemon --directory /d --socket /s --socket-mode 0770 ' +
        '--socket-owner 1:2 -- --set nodaemon=true',
    );
    expect(journalPath('/run/x')).toBe('/run/x.state');
  });
});

describe('renderSyslogMessage', () => {
  it('follows RFC 3164', () => {
    const date = new Date(2026, 10, 5, 3, 4, 5);
    expect(renderSyslogMessage(date, 'supervisord', 'x line')).toBe(
      '<14>Nov  5 03:04:05 supervisord: x line',
    );
  });
});
