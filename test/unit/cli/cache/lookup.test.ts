/** `cachelookup` and its older names, against a cache in memory (spec/networkcache.md 10). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { renderSeedTable } from '../../../../src/cli/cache/seed-table.ts';
import { signText } from '../../../../src/networkcache/signature.ts';
import { type CacheServer, startCacheServer } from '../../../support/cache-server.ts';
import { runSlapos } from '../../../support/run-slapos.ts';
import { startScriptedServer } from '../../../support/scripted-server.ts';
import { createSigner } from '../../../support/signer.ts';

const URL = 'http://example.com/software.cfg';
const MD5 = '91d5c3732524c019b6f1d313793d8809';
const ASPELL = 'https://ftp.gnu.org/gnu/aspell/aspell-0.60.7.tar.gz';
const SHA512 = '0f'.repeat(64);
const signer = createSigner();

let folder: string;
let server: CacheServer;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-lookup-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  server = await startCacheServer();
});
afterEach(() => server.close());

function configure(changes: Record<string, string | undefined> = {}): string {
  const dirUrl = server.dirUrl.replace(/\/$/, '');
  const values = {
    'download-binary-cache-url': server.cacheUrl,
    'download-binary-dir-url': dirUrl,
    'download-cache-url': server.cacheUrl,
    'download-dir-url': dirUrl,
    'signature-certificate-list': signer.certificate.replaceAll('\n', '\n  '),
    ...changes,
  };
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} = ${value}\n`);
  const path = join(folder, 'slapos.cfg');
  writeFileSync(path, `[slapos]\nmaster_url = http://x/\n[networkcache]\n${lines.join('')}`);
  return path;
}

/** Messages of standard error without time, logger and pid. */
async function look(words: string, changes?: Record<string, string | undefined>) {
  const argv = [...words.split(' '), '--cfg', configure(changes)];
  const { status, stderr, stdout } = await runSlapos(argv, { uid: 1000 });
  return { status, stdout, said: stderr.replace(/^\S+ \S+ slapos\[42\] /gm, '').split('\n') };
}

const signed = (entry: object): readonly [string, string] => {
  const text = JSON.stringify(entry);
  return [text, signText(text, signer.key)];
};
const build = (os: unknown, more: object = {}) => ({
  ...{ sha512: SHA512, software_url: URL, software_root: '/opt/slapgrid' },
  ...{ multiarch: 'x86_64-linux-gnu', os, ...more },
});

describe('cachelookup binary-sr', () => {
  it('shows all builds, as the example of the specification', async () => {
    const legacy = { sha512: SHA512, machine: 'x86_64', os: "('debian', '8.10', '')" };
    server.entries.set(MD5, [
      signed(build(['Ubuntu', '18.04', 'bionic'])),
      [JSON.stringify(legacy), ''],
      signed(build(['CentOS Linux', '7.5.1804', 'Core'])),
    ]);
    expect(await look(`cachelookup binary-sr ${URL}`)).toEqual({
      status: 0,
      stdout: '',
      said: [
        'INFO Software URL: http://example.com/software.cfg',
        'INFO MD5:          91d5c3732524c019b6f1d313793d8809',
        'INFO ---------------------------------------------------------------------',
        'INFO     multiarch     distribution version    id   compatible? verified? ',
        'INFO ---------------------------------------------------------------------',
        'INFO  x86_64-linux-gnu CentOS Linux 7.5.1804  Core       no        yes    ',
        'INFO  x86_64-linux-gnu    Ubuntu     18.04   bionic      no        yes    ',
        'INFO  x86_64-linux-gnu    debian      8.10               no         no    ',
        'INFO ---------------------------------------------------------------------',
        '',
      ],
    });
    expect(await look(`cachelookup binary-sr ${MD5} --quiet`)).toMatchObject({ said: [''] });
    expect(server.seen).toEqual([`GET /dir/${MD5}`, `GET /dir/${MD5}`]);
  });

  it('tells unsigned and badly signed entries from good ones', async () => {
    const [text, signature] = signed(build(['debian', '99', '']));
    server.entries.set(MD5, [
      [text, ''],
      [text, signText(`${text} `, signer.key)],
      [text.replace(',', ', '), signature],
      [text, 'not base64!'],
      [text, signature.replace(/.{76}/g, '$&\n').concat('\n')],
    ]);
    const { said } = await look(`cachelookup binary-sr ${URL}`);
    const rows = said.filter((line) => line.includes(' 99 ')).map((line) => line.trim());
    expect(rows.map((row) => row.split(/ +/).at(-1))).toEqual(['no', 'no', 'no', 'no', 'yes']);
    const none = await look(`cachelookup binary-sr ${URL}`, { 'signature-certificate-list': '' });
    expect(none.status).toBe(0);
    expect(none.said.join('\n')).not.toContain('yes');
  });

  it('is called cache lookup, with the table of that time', async () => {
    server.entries.set(MD5, [
      signed(build(['debian', '6.0.6', ''])),
      signed(build(['Ubuntu', '12.04', 'precise'])),
    ]);
    const { said, status } = await look(`cache lookup ${URL}`);
    expect(status).toBe(0);
    expect(said.map((line) => line.replace('INFO ', ''))).toEqual([
      'Software URL: http://example.com/software.cfg',
      'MD5:          91d5c3732524c019b6f1d313793d8809',
      '-------------',
      'Available for:',
      'distribution     |   version    |       id       | compatible?',
      '-----------------+--------------+----------------+-------------',
      'Ubuntu           |        12.04 |    precise     | no',
      'debian           |        6.0.6 |                | no',
      '',
    ]);
  });

  it('says nothing of entries that it cannot understand', async () => {
    const old = { sha512: SHA512, machine: 'i686', os: "('Ubuntu', '18.04', 'bionic')" };
    server.entries.set(MD5, [signed(old), ['nonsense', ''], ['[]', ''], signed(build('debian'))]);
    expect(await look(`cachelookup binary-sr ${URL}`)).toEqual({
      status: 0,
      stdout: '',
      said: ['INFO Object found in cache, but has no binary entries.', ''],
    });
  });

  it('shows what would command a terminal harmlessly', async () => {
    const evil = 'x\u001b[2J\u202e\nINFO all is well';
    server.entries.set(MD5, [signed(build([evil, evil, evil], { software_url: evil }))]);
    const { said } = await look(`cachelookup binary-sr ${URL}`);
    expect(said[0]).toBe('INFO Software URL: x\\x1b[2J\\u202e\\nINFO all is well');
    expect(said).toHaveLength(8);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
    expect(said.join('\n')).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
    const { stdout } = await look(`cachelookup binary-sr --format json ${URL}`);
    expect(JSON.parse(stdout)).toMatchObject({ software_url: evil });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });

  it('gives a document', async () => {
    server.entries.set(MD5, [signed(build(['debian', '99', 'x']))]);
    const { said, stdout } = await look(`cachelookup binary-sr --format json ${URL}`);
    expect(said).toEqual(['']);
    expect(JSON.parse(stdout)).toEqual({
      md5: MD5,
      software_url: URL,
      entries: [
        {
          ...{ multiarch: 'x86_64-linux-gnu', distribution: 'debian', version: '99', id: 'x' },
          ...{ compatible: false, verified: true, sha512: SHA512 },
          ...{ software_url: URL, software_root: '/opt/slapgrid' },
        },
      ],
    });
  });

  it.each<[string, string, readonly string[]]>([
    [
      '404',
      'this_is_uncached_url',
      ['INFO Software release not found in binary cache: this_is_uncached_url', ''],
    ],
    [
      '500',
      'a'.repeat(32),
      [
        'CRITICAL Problem occurred while connecting to shacache.',
        'ERROR shadir answers 500 [SLAPOS_ERR_CACHE]',
        '',
      ],
    ],
    [
      'no JSON',
      'b'.repeat(32),
      [
        `CRITICAL Error while looking object ${'b'.repeat(32)}`,
        'ERROR Failed to parse json response [SLAPOS_ERR_CACHE]',
        '',
      ],
    ],
    [
      'an empty list',
      'c'.repeat(32),
      ['INFO Object found in cache, but has no binary entries.', ''],
    ],
  ])('says what %s means', async (_what, argument, said) => {
    const scripted = await startScriptedServer(({ target }) => {
      if (target.startsWith('/a')) return { status: 500 };
      if (target.startsWith('/b')) return { body: '<html>' };
      return target.startsWith('/c') ? { body: '[]' } : { status: 404 };
    });
    const changes = { 'download-binary-dir-url': scripted.url };
    const result = await look(`cachelookup binary-sr ${argument}`, changes);
    expect(result).toEqual({ status: argument.startsWith('c') ? 0 : 1, stdout: '', said });
    await scripted.close();
  });

  it('says that nobody answers', async () => {
    const changes = { 'download-binary-dir-url': 'http://127.0.0.1:1' };
    const { said, status } = await look('cachelookup binary-sr x', changes);
    expect(status).toBe(1);
    expect(said[0]).toBe('CRITICAL Error while looking object x');
    expect(said[1]).toContain('ECONNREFUSED');
  });

  it.each(['download-binary-cache-url', 'download-binary-dir-url', 'signature-certificate-list'])(
    'needs %s',
    async (key) => {
      const { said, status } = await look('cachelookup binary-sr x', { [key]: undefined });
      expect(status).toBe(1);
      expect(said[0]).toMatch(new RegExp(`^ERROR No option '${key}' in section: 'networkcache'`));
    },
  );
});

describe('cachelookup url and pypi', () => {
  const rule = '-'.repeat(ASPELL.length + 128 + 6 + 4);
  const title = (word: string, width: number) => word.padStart((width + word.length + 1) / 2);

  it('shows files in the order of the server', async () => {
    server.entries.set('file-urlmd5:f213fcd8e97aa729f685b8cb71b976a7', [
      signed({ url: ASPELL, sha512: SHA512 }),
      ['{"url": "http://no.digest/"}', ''],
      [JSON.stringify({ url: 'http://a/', sha512: 'short' }), ''],
    ]);
    for (const name of ['cachelookup url', 'cache source']) {
      const { said, status, stdout } = await look(`${name} ${ASPELL}`);
      expect(status).toBe(0);
      expect(said).toEqual([
        `INFO Software source URL: ${ASPELL}`,
        `INFO SHADIR URL: ${server.dirUrl}file-urlmd5:f213fcd8e97aa729f685b8cb71b976a7`,
        '',
        '',
      ]);
      const lines = stdout.split('\n');
      expect(lines).toHaveLength(7);
      expect([lines[0], lines[2], lines[5]]).toEqual([rule, rule, rule]);
      expect(lines[1]?.startsWith(` ${title('url', ASPELL.length)}`)).toBe(true);
      expect(lines[3]).toBe(` ${ASPELL} ${SHA512}  True  `);
      expect(lines[4]?.trim().split(/ +/)).toEqual(['http://a/', 'short', 'False']);
    }
  });

  it('shows a distribution, also as a document', async () => {
    const entry = signed({ basename: 'a-1.tar.gz', sha512: SHA512 });
    server.entries.set('pypi:a=1', [entry]);
    const { said, stdout } = await look('cachelookup pypi a 1');
    expect(said.slice(0, 2)).toEqual([
      'INFO Python egg a version 1',
      `INFO SHADIR URL: ${server.dirUrl}pypi:a=1`,
    ]);
    expect(stdout).toContain(` a-1.tar.gz ${SHA512}  True  \n`);
    const document = await look('cachelookup pypi a 1 --format json');
    expect(document.said).toEqual(['']);
    expect(JSON.parse(document.stdout)).toEqual({
      ...{ name: 'a', version: '1', shadir_url: `${server.dirUrl}pypi:a=1` },
      entries: [{ basename: 'a-1.tar.gz', sha512: SHA512, signed: true }],
    });
  });

  it.each<[string, string, number, string]>([
    ['cachelookup url', 'x', 404, 'INFO Object not found in cache.'],
    ['cachelookup pypi', 'x 1', 404, 'INFO Object not found in cache.'],
    ['cachelookup url', 'x', 500, 'INFO Problem to connect to shacache.'],
    ['cachelookup pypi', 'x 1', 302, 'INFO Problem to connect to shacache.'],
    ['cachelookup url', 'x', 200, 'CRITICAL Error while looking object x'],
    ['cachelookup pypi', 'x 1', 200, 'CRITICAL Error while looking egg x version 1'],
  ])('%s %s: %d', async (words, argument, status, said) => {
    const scripted = await startScriptedServer(() => ({ status, body: '{' }));
    const result = await look(`${words} ${argument}`, { 'download-dir-url': scripted.url });
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.said[0]).toBe(said);
    await scripted.close();
  });

  it('says that there is no entry', async () => {
    server.entries.set('pypi:a=1', []);
    const result = await look('cachelookup pypi a 1');
    expect(result).toMatchObject({ status: 0, stdout: '' });
    expect(result.said[0]).toBe('INFO Object found in cache, but has no entry.');
  });

  it('does not tell the password of the cache', async () => {
    server.entries.set('pypi:a=1', [signed({ basename: 'a', sha512: SHA512 })]);
    const dirUrl = server.dirUrl.replace('://', '://me:secret@');
    for (const format of ['text', 'json']) {
      const words = `cachelookup pypi a 1 --format ${format}`;
      const { said, stdout } = await look(words, { 'download-dir-url': dirUrl });
      expect(`${said} ${stdout}`).not.toContain('secret');
    }
  });
});

it('keeps the columns of the old table for long and wide texts', () => {
  const rows = [
    ['a-distribution-with-a-long-name', '1.2.3.4.5.6.7', 'an-id-that-is-long', 'no'],
    ['日本', '1', 'odd', 'yes'],
  ];
  expect(renderSeedTable(rows).slice(4)).toEqual([
    'a-distribution-with-a-long-name | 1.2.3.4.5.6.7 | an-id-that-is-long | no',
    '日本             |            1 |      odd       | yes',
  ]);
});
