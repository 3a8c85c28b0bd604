/** Who gets into the panel, over real connections whose other end the test names. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PeerLook } from '../../../src/host/network/tcp-peer.ts';
import { createSession, sessionCookieName } from '../../../src/panel/session.ts';
import { parseAllowRule } from '../../../src/proxy/web/allow-list.ts';
import { NO_WEB } from '../../../src/proxy/web/web-options.ts';
import {
  OWN_UID,
  PARTITION_UID,
  type PanelScene,
  startPanelScene,
  TOKEN,
} from '../../support/panel-scene.ts';
import { rawRequest } from '../../support/raw-request.ts';

let shared: PanelScene;
let scene: PanelScene;
beforeAll(async () => {
  shared = await startPanelScene();
});
afterAll(() => shared.close());
beforeEach(() => {
  scene = shared;
  scene.peer({ kind: 'local', uid: 0 });
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const NOW_MS = Date.UTC(2026, 0, 2);
const NAME = sessionCookieName(TOKEN);
const WHO = 'uid 1234';
const OTHER_TOKEN = 'A'.repeat(43);

const overview = (headers: Record<string, string> = {}) => scene.ask('api/overview', { headers });
const statusOf = async (headers: Record<string, string> = {}) => (await overview(headers)).status;
const logIn = (token: string, headers: Record<string, string> = {}) =>
  scene.ask('login', {
    method: 'POST',
    headers: { ...FORM, ...headers },
    body: new URLSearchParams({ token }).toString(),
  });
const stranger = () => scene.peer({ kind: 'local', uid: 1234 });

describe('without a token', () => {
  test.each([0, OWN_UID])('uid %i gets in over loopback', async (uid) => {
    scene.peer({ kind: 'local', uid });
    expect(await statusOf()).toBe(200);
    expect(await scene.ask('')).toMatchObject({ status: 200, text: scene.page });
  });

  test.each([
    { kind: 'local', uid: 1234 },
    { kind: 'local', uid: 65534 },
    { kind: 'elsewhere' },
    { kind: 'unknown', reason: 'gone' },
  ] as const)('%j does not', async (look) => {
    scene.peer(look);
    expect(await overview()).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringContaining('Bearer') },
      text: expect.stringContaining('"problem":"The panel needs its token."'),
    });
    for (const path of ['', 'panel.js', 'api/events', 'api/instance?reference=a', 'nothing']) {
      expect([path, (await scene.ask(path)).status]).toEqual([path, 401]);
    }
    expect((await scene.post('state', { reference: 'a', state: 'destroyed' })).status).toBe(401);
  });

  test.each([
    { 'x-forwarded-for': '192.0.2.1' },
    { 'x-forwarded-host': 'localhost' },
    { 'x-forwarded-anything': '' },
    { forwarded: 'for=192.0.2.1' },
    { via: '1.1 somebody' },
    { 'x-real-ip': '127.0.0.1' },
  ])('root behind a reverse proxy does not (%j)', async (headers) => {
    expect(await statusOf(headers as unknown as Record<string, string>)).toBe(401);
  });

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1'])(
    'root in a page whose address is a name of the DNS does not (%s)',
    async (host) => {
      const port = new URL(scene.url).port;
      expect(await statusOf({ host })).toBe(401);
      expect(await statusOf({ host: `${host}:${port}`, origin: `http://${host}:${port}` })).toBe(
        401,
      );
    },
  );

  test('localhost and loopback addresses are names enough', async () => {
    for (const host of ['localhost', 'LOCALHOST:5000', '127.0.0.1:1', '[::1]:5000']) {
      expect([host, await statusOf({ host })]).toEqual([host, 200]);
    }
  });

  test('the login page is shown, and nothing of what was sent is in it', async () => {
    stranger();
    const page = await scene.ask('?<script>alert(1)</script>');
    expect(page).toMatchObject({
      status: 401,
      headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
      text: expect.stringContaining('<form method="post" action="login">'),
    });
    expect(page.text).not.toContain('script');
    expect((await scene.ask('login.css')).headers['content-type']).toContain('text/css');
  });
});

describe('with the token', () => {
  // Who tried wrong ones is remembered, and time passes.
  beforeEach(async () => {
    scene = await startPanelScene();
    stranger();
  });
  afterEach(() => scene.close());

  test('a session begins, and carries only what was derived from it', async () => {
    const answer = await logIn(TOKEN);
    expect(answer).toMatchObject({ status: 303, headers: { location: '/panel/' } });
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(
      /^slapos-panel-\w{8}=[\w.-]+; Path=\/panel; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
    );
    expect(cookie).not.toContain(TOKEN);
    const headers = { cookie: `other=1; ${cookie.split(';')[0]}` };
    expect(await statusOf(headers)).toBe(200);
    expect((await scene.ask('', { headers })).text).toBe(scene.page);
    expect(scene.said.join('\n')).not.toContain(TOKEN);
  });

  test('below a prefix and behind TLS the cookie is for there', async () => {
    const answer = await logIn(TOKEN, {
      'x-forwarded-prefix': '/node',
      'x-forwarded-proto': 'https',
    });
    expect(answer.headers.location).toBe('/node/panel/');
    expect(answer.headers['set-cookie']?.[0]).toMatch(/; Path=\/node\/panel; .*; Secure$/);
  });

  test('programs send it as a bearer', async () => {
    expect(await statusOf({ authorization: `Bearer ${TOKEN}` })).toBe(200);
    expect(await statusOf({ authorization: `Bearer ${OTHER_TOKEN}` })).toBe(401);
    expect(await statusOf({ authorization: `Basic ${TOKEN}` })).toBe(401);
    expect(await statusOf({ authorization: 'Bearer ' })).toBe(401);
  });

  test.each([
    ['of another token', createSession(OTHER_TOKEN, WHO, NOW_MS)],
    ['that is the token itself', TOKEN],
    ['without code', createSession(TOKEN, WHO, NOW_MS).split('.')[0]],
    ['with another time', `zzzzzz.${createSession(TOKEN, WHO, NOW_MS).split('.')[1]}`],
    ['of next week', createSession(TOKEN, WHO, NOW_MS + 8 * 24 * 3600_000)],
    ['that is empty', ''],
  ])('a session %s is none', async (_, value) => {
    expect(await statusOf({ cookie: `${NAME}=${value}` })).toBe(401);
  });

  test.each<[PeerLook, readonly PeerLook[]]>([
    [
      { kind: 'local', uid: 1234 },
      [{ kind: 'local', uid: 12345 }, { kind: 'local', uid: PARTITION_UID }, { kind: 'elsewhere' }],
    ],
    [{ kind: 'elsewhere' }, [{ kind: 'local', uid: PARTITION_UID }]],
  ])('a session of %j is none of somebody else who saw it', async (operator, others) => {
    scene.peer(operator);
    const [cookie = ''] = (await logIn(TOKEN)).headers['set-cookie'] ?? [];
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    for (const other of others) {
      scene.peer(other);
      expect(await overview(headers)).toMatchObject({ status: 401 });
      expect((await scene.ask('api/events', { headers })).status).toBe(401);
      const change = { reference: 'a', state: 'destroyed' };
      expect((await scene.post('state', change, headers)).status).toBe(401);
    }
    scene.peer(operator);
    expect(await statusOf(headers)).toBe(200);
  });

  test('a session ends', async () => {
    const cookie = `${NAME}=${createSession(TOKEN, WHO, NOW_MS)}`;
    scene.pass(6.9 * 24 * 3600_000);
    expect(await statusOf({ cookie })).toBe(200);
    scene.pass(0.2 * 24 * 3600_000);
    expect(await statusOf({ cookie })).toBe(401);
  });

  test('wrong ones are counted, for each who tries', async () => {
    for (let count = 0; count < 9; count += 1) expect((await logIn('no')).status).toBe(401);
    expect(await statusOf({ authorization: 'Bearer no' })).toBe(401);
    const late = await logIn('no');
    expect(late).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
    expect(late.text).toContain('wait a minute');
    expect(await statusOf({ authorization: `Bearer ${OTHER_TOKEN}` })).toBe(429);
    scene.peer({ kind: 'local', uid: 1235 });
    expect((await logIn('no')).status).toBe(401);
    stranger();
    scene.pass(60_001);
    expect((await logIn('no')).status).toBe(401);
    expect(scene.said).toContain('Panel: a wrong token from uid 1234.');
  });

  test('the right one is taken, however many wrong ones came from there', async () => {
    const [cookie = ''] = (await logIn(TOKEN)).headers['set-cookie'] ?? [];
    for (let count = 0; count < 12; count += 1) await logIn('no');
    expect((await logIn('no')).status).toBe(429);
    expect((await logIn(TOKEN)).status).toBe(303);
    expect(await statusOf({ authorization: `Bearer ${TOKEN}` })).toBe(200);
    expect(await statusOf({ cookie: cookie.split(';')[0] ?? '' })).toBe(200);
    expect((await logIn('no')).status).toBe(429);
  });

  test.each([
    ['another type', { 'content-type': 'application/json' }, 'token=x', 415],
    ['packed', { ...FORM, 'content-encoding': 'gzip' }, 'token=x', 415],
    ['too long', FORM, `token=${'x'.repeat(5000)}`, 413],
    ['not UTF-8', FORM, Buffer.from([0x74, 0xff]), 400],
    ['without token', FORM, '', 401],
  ])('a form of %s is refused', async (_, headers, body, status) => {
    const answer = await scene.ask('login', { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('without any token on the machine', () => {
  test('only root and the user of the proxy get in', async () => {
    const other = await startPanelScene({ token: null });
    try {
      expect((await other.ask('api/overview')).status).toBe(200);
      other.peer({ kind: 'local', uid: 1234 });
      for (const token of ['', 'null', TOKEN]) {
        const bearer = { authorization: `Bearer ${token}` };
        expect((await other.ask('api/overview', { headers: bearer })).status).toBe(401);
        const body = new URLSearchParams({ token }).toString();
        const answer = await other.ask('login', { method: 'POST', headers: FORM, body });
        expect(answer.status).toBe(401);
      }
    } finally {
      await other.close();
    }
  });
});

describe('a browser', () => {
  const SITES: ReadonlyArray<Record<string, string>> = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
  ];

  test.each(SITES)('on a page of another origin is refused (%j)', async (headers) => {
    for (const path of ['api/overview', 'api/events', 'panel.js', 'login.css', 'nothing']) {
      const { status, text } = await scene.ask(path, { headers });
      expect([path, status]).toEqual([path, 403]);
      expect(text).toContain('another origin');
    }
    expect((await logIn(TOKEN, headers)).status).toBe(403);
    const change = { reference: 'a', state: 'stopped' };
    expect((await scene.post('state', change, headers)).status).toBe(403);
  });

  test('follows a link to the page from anywhere, and shows it in no frame', async () => {
    const answer = await scene.ask('', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      },
    });
  });

  test.each([
    { 'x-slapos-panel': '' },
    { 'x-slapos-panel': '2' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/jsonx' },
  ])('without what only our page sends changes nothing (%j)', async (headers) => {
    const change = { reference: 'a', state: 'stopped' };
    const answer = await scene.post('state', change, headers as unknown as Record<string, string>);
    expect([403, 415]).toContain(answer.status);
    expect(JSON.parse(answer.text)).toMatchObject({ problem: expect.any(String), field: '' });
  });
});

describe('under peer_check', () => {
  test('the users of partitions get nothing of it, with or without the token', async () => {
    const other = await startPanelScene({
      proxy: {
        peerCheck: {
          computerId: 'COMP-1',
          trustedUids: new Set([0, process.geteuid?.() ?? 0]),
          isTrustedAddress: () => false,
          listOwners: () => new Map([['slappart0', PARTITION_UID]]),
          lookAt: () => ({ kind: 'local', uid: PARTITION_UID }),
          refusalPauseMs: 0,
        },
      },
    });
    try {
      other.peer({ kind: 'local', uid: PARTITION_UID });
      const headers = { authorization: `Bearer ${TOKEN}` };
      for (const path of ['', 'panel.js', 'login.css', 'api/overview', 'api/events', 'nothing']) {
        for (const more of [{}, headers]) {
          const { status, text } = await other.ask(path, { headers: more });
          expect([path, status]).toEqual([path, 403]);
          expect(text).toContain('peer_check: ');
        }
      }
      const form = { method: 'POST', headers: FORM, body: `token=${TOKEN}` };
      expect((await other.ask('login', form)).status).toBe(403);
      expect((await other.post('state', {}, headers)).status).toBe(403);
      expect((await rawRequest(other.url, '/')).status).toBe(302);
    } finally {
      await other.close();
    }
  });
});

describe('the HTTP proxy of the same server', () => {
  test('does not lead to the panel, to which it would be its own user', async () => {
    const allow = ['127.0.0.1:*', 'localhost:*', '[::1]:*', '127.0.0.0/8:*'].map((line) => {
      const rule = parseAllowRule(line);
      if (typeof rule === 'string') throw new Error(rule);
      return rule;
    });
    const other = await startPanelScene({
      proxy: { web: { ...NO_WEB, httpProxy: { allow, isTlsVerified: true, caFile: undefined } } },
    });
    try {
      const { port } = new URL(other.url);
      for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:7f00:1]']) {
        const answer = await rawRequest(
          other.url,
          `/http_proxy/http/${host}:${port}/panel/api/overview`,
        );
        expect([host, answer.status]).toEqual([host, 508]);
      }
      // Over another server it would come back with this header.
      expect((await other.ask('api/overview', { headers: { via: '1.1 slapos' } })).status).toBe(
        401,
      );
    } finally {
      await other.close();
    }
  });
});
