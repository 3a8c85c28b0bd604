/** `slapos cachelookup` of upstream and ours, asking one server: the same lines and statuses. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signText } from '../../src/networkcache/signature.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { runSlapos } from '../support/run-slapos.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import { createSigner } from '../support/signer.ts';

const peer = findPeerPython('slapos.cli.entry, slapos.libnetworkcache');
const upstream = 'python' in peer ? join(dirname(peer.python), 'slapos') : '';
const reason = 'reason' in peer ? peer.reason : existsSync(upstream) ? '' : `no ${upstream}`;

const SHA512 = '0f'.repeat(64);
const signer = createSigner();
const signed = (entry: object): readonly [string, string] => {
  const text = JSON.stringify(entry);
  return [text, signText(text, signer.key)];
};
const build = (multiarch: string, ...os: readonly string[]) => ({
  ...{ sha512: SHA512, software_url: 'http://example.com/software.cfg' },
  ...{ software_root: '/opt/slapgrid', multiarch, os },
});

/** What the server has, by the key; a number is the status of its answer. */
const ANSWERS: Readonly<Record<string, number | readonly (readonly [string, string])[]>> = {
  '91d5c3732524c019b6f1d313793d8809': [
    signed(build('x86_64-linux-gnu', 'Ubuntu', '18.04', 'bionic')),
    [
      JSON.stringify({
        ...build(''),
        multiarch: undefined,
        machine: 'x86_64',
        os: "('debian', '8.10', '')",
      }),
      '',
    ],
    signed(build('aarch64-linux-gnu', 'debian', '12.5', 'bookworm')),
    signed(build('x86_64-linux-gnu', 'debian', '12.5', 'bookworm')),
    [signed(build('x86_64-linux-gnu', 'debian', '11', ''))[0], signText('other', signer.key)],
    signed(build('x86_64-linux-gnu', 'CentOS Linux', '7.5.1804', 'Core')),
  ],
  ['0'.repeat(32)]: [],
  ['1'.repeat(32)]: 500,
  'file-urlmd5:f213fcd8e97aa729f685b8cb71b976a7': [
    signed({ url: 'https://ftp.gnu.org/gnu/aspell/aspell-0.60.7.tar.gz', sha512: SHA512 }),
    [JSON.stringify({ url: 'http://x/', sha512: 'ab' }), ''],
  ],
  'pypi:slapos.core=1.0': [signed({ basename: 'slapos.core-1.0.tar.gz', sha512: SHA512 })],
  'pypi:broken=1': 503,
};

const CASES: readonly string[] = [
  'binary-sr http://example.com/software.cfg',
  'binary-sr this_is_uncached_url',
  `binary-sr ${'0'.repeat(32)}`,
  `binary-sr ${'1'.repeat(32)}`,
  'url https://ftp.gnu.org/gnu/aspell/aspell-0.60.7.tar.gz',
  'pypi slapos.core 1.0',
  'pypi broken 1',
  'pypi unknown 1',
  '-q pypi slapos.core 1.0',
];

/** Without time and pid; a traceback, and our line in its place, is left out. */
function linesOf(stderr: string): string[] {
  const lines = stderr.split('\n').map((line) => line.replace(/^\S+ \S+ slapos\[\d+\] /, ''));
  const end = lines.findIndex((line) => /^(Traceback|ERROR .*\[SLAPOS_ERR_CACHE\])/.test(line));
  return (end < 0 ? lines : lines.slice(0, end)).filter((line) => line !== '');
}

describe.skipIf(reason !== '')(
  `cachelookup of upstream${reason && ` (skipped: ${reason})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'slapos-lookup-'));
    const cfg = join(folder, 'slapos.cfg');
    let server: Awaited<ReturnType<typeof startScriptedServer>>;

    beforeAll(async () => {
      server = await startScriptedServer(({ target }) => {
        const answer = ANSWERS[decodeURIComponent(target.replace('/dir/', ''))] ?? 404;
        return typeof answer === 'number' ? { status: answer } : { body: JSON.stringify(answer) };
      });
      const url = `${server.url}dir`;
      const keys = ['binary-cache', 'binary-dir', 'cache', 'dir'].map((name) => {
        return `download-${name}-url = ${url}\n`;
      });
      const list = signer.certificate.replaceAll('\n', '\n  ');
      const text = `[slapos]\n[networkcache]\n${keys.join('')}signature-certificate-list = ${list}\n`;
      writeFileSync(cfg, text);
    });
    afterAll(async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    });

    async function askUpstream(words: readonly string[]) {
      const env = { ...process.env, PATH: '/usr/bin:/bin' };
      const child = spawn(upstream, words, { env });
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].on('data', (more) => {
          output[name] += more;
        });
      }
      const status = await new Promise((resolve) => child.once('close', resolve));
      return { ...output, status };
    }

    it.each(CASES)('%s', async (line) => {
      const argv = ['cachelookup', ...line.split(' '), '--cfg', cfg];
      const [theirs, ours] = [await askUpstream(argv), await runSlapos(argv, { uid: 1000 })];
      const digest = (run: typeof ours | typeof theirs) => ({
        status: run.status,
        stdout: run.stdout,
        said: linesOf(run.stderr),
      });
      expect(digest(ours)).toEqual(digest(theirs));
      if (line === CASES[0]) expect(digest(ours).said).toHaveLength(2 + 4 + 6);
    });
  },
);
