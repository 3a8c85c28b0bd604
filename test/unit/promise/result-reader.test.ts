/** Results of promises, whatever a partition makes of its folder. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGridHost } from '../../../src/host/create-grid-host.ts';
import type { LookRequest } from '../../../src/host/folder/look.ts';
import { PromiseReader, type PromiseReaderOptions } from '../../../src/promise/result-reader.ts';
import { RESULTS, renderResult, StatusSite } from '../../support/status-site.ts';

const FOLDER = `slappart0/${RESULTS}`;

describe('PromiseReader', () => {
  let site: StatusSite;
  let nowMs: number;
  let looks: LookRequest[];
  let reader: PromiseReader;

  beforeEach(() => {
    site = new StatusSite();
    nowMs = Date.now();
    looks = [];
    const host = createGridHost();
    const look = (root: string, request: LookRequest) => {
      looks.push(request);
      return host.look(root, request);
    };
    reader = new PromiseReader({ host: { look }, instanceRoot: site.root, nowMs: () => nowMs });
  });
  afterEach(() => site.remove());

  const read = async (reference = 'slappart0') =>
    (await reader.read([reference])).get(reference) ?? { promises: [], problem: 'missing' };
  const titles = async () => (await read()).promises.map(({ title }) => title);
  const readTexts = () => looks.flatMap(({ texts }) => texts ?? []);
  /** The folder as it was a minute ago, so that its time says all. */
  const settle = () => utimesSync(site.path(FOLDER), nowMs / 1000 - 60, nowMs / 1000 - 60);

  it('reads what they came to, under the names of their files', async () => {
    site.write(`${FOLDER}/b.status.json`, renderResult('\x1b[31m<b>red\x07\ud83d', true));
    site.write(`${FOLDER}/a.dot.status.json`, renderResult(''));
    site.write(`${FOLDER}/.status.json`, renderResult('no title'));
    site.write(`${FOLDER}/a.status.json.tmp`, renderResult('not done'));
    expect(await read()).toEqual({
      problem: '',
      promises: [
        { title: 'a.dot', hasFailed: false, message: '', atMs: 1795217532000, executionS: 0.25 },
        {
          title: 'b',
          hasFailed: true,
          message: '\x1b[31m<b>red\x07\ud83d',
          atMs: 1795217532000,
          executionS: 0.25,
        },
      ].map((one) => expect.objectContaining(one)),
      folderMs: expect.anything(),
      readAtMs: nowMs,
    });
  });

  it('follows no link, waits for no fifo and reads nothing large', async () => {
    const secret = site.write('secret.status.json', renderResult('secret'));
    site.write(`${FOLDER}/good.status.json`, renderResult('good'));
    symlinkSync(secret, site.path(FOLDER, 'absolute.status.json'));
    symlinkSync('../../../../secret.status.json', site.path(FOLDER, 'beneath.status.json'));
    execFileSync('mkfifo', [site.path(FOLDER, 'fifo.status.json')]);
    mkdirSync(site.path(FOLDER, 'folder.status.json'));
    truncateSync(site.write(`${FOLDER}/huge.status.json`, ''), 2 ** 40);
    site.write(`${FOLDER}/long.status.json`, renderResult('x'.repeat(64 * 1024)));
    expect(await titles()).toEqual(['good']);
    expect((await read()).problem).toBe('6 of its promise results are none.');
  });

  it.each([
    ['the folder of results', RESULTS, '../../../elsewhere'],
    ['the folder of promises', '.slapgrid/promise', '../../above'],
    ['the folder of the node', '.slapgrid', '../top'],
    ['the partition', '', 'elsewhere/..'],
  ])('follows no link in place of %s', async (_, path, target) => {
    for (const real of ['elsewhere', 'above/result', 'top/promise/result', RESULTS]) {
      site.write(`${real}/secret.status.json`, renderResult('secret'));
    }
    mkdirSync(site.path('slappart0', path, '..'), { recursive: true });
    symlinkSync(target, site.path('slappart0', path));
    expect(existsSync(site.path(FOLDER, 'secret.status.json'))).toBe(true);
    const { problem, promises } = await read();
    expect(promises).toEqual([]);
    expect(problem).toContain('cannot be read');
  });

  it('takes times that are none for no time', async () => {
    const told = { type: 'Test Result', failed: true, message: 'odd' };
    const odd = `{"execution-time":1e999,"result":${JSON.stringify(told)}}`;
    const look = async (_: string, { targets, folders, texts }: LookRequest) => ({
      targets: targets?.map(() => ({ modifiedMs: 1 })) ?? [],
      folders: folders?.map(() => ['a.status.json', 'b.status.json']) ?? [],
      texts:
        texts?.map((name) => ({ text: odd, modifiedMs: /a\./.test(name) ? 9e15 : -1e308 })) ?? [],
    });
    const host = { look } as unknown as PromiseReaderOptions['host'];
    const reader = new PromiseReader({ host, instanceRoot: site.root, nowMs: () => nowMs });
    const found = (await reader.read(['slappart0'])).get('slappart0')?.promises;
    expect(found).toMatchObject([
      { title: 'a', atMs: 0, executionS: 0 },
      { title: 'b', atMs: 0, executionS: 0 },
    ]);
  });

  it('takes broken, deep and senseless JSON for no result', async () => {
    const texts = ['', '{', 'null', '[]', '{"result": null}', '['.repeat(60_000), '{"result": 5}'];
    const wrong = JSON.stringify({ result: { type: 'Test Result', message: { a: 1 }, date: 7 } });
    for (const [index, text] of texts.entries()) {
      site.write(`${FOLDER}/bad-${index}.status.json`, text);
    }
    site.write(`${FOLDER}/wrong.status.json`, wrong);
    const { problem, promises } = await read();
    expect(problem).toBe(`${texts.length} of its promise results are none.`);
    expect(promises).toMatchObject([
      { title: 'wrong', hasFailed: false, message: '', executionS: 0 },
    ]);
    expect(promises[0]?.atMs).toBeGreaterThan(1e12);
  });

  it('reads no more than 200 of 2,000, and none of more', async () => {
    for (let index = 0; index < 210; index += 1) {
      site.write(`${FOLDER}/${1000 + index}.status.json`, renderResult('x'.repeat(3000)));
    }
    const { problem, promises } = await read();
    expect(promises).toHaveLength(200);
    expect(problem).toBe('It has 210 promise results: only 200 are told.');
    const characters = promises.reduce((sum, { message }) => sum + message.length, 0);
    expect(characters).toBeLessThan(300 * 1024);
    for (let index = 0; index < 1791; index += 1) site.write(`${FOLDER}/more-${index}`, '');
    looks.length = 0;
    expect(await read()).toMatchObject({
      promises: [],
      problem: expect.stringMatching(/too many/),
    });
    expect(readTexts()).toEqual([]);
  });

  it('reads again only what has changed', async () => {
    site.write(`${FOLDER}/a.status.json`, renderResult('one'));
    site.write('slappart1/file', '');
    settle();
    const before = await read();
    looks.length = 0;
    expect(await read()).toBe(before);
    expect(readTexts()).toEqual([]);
    site.write(`${FOLDER}/new`, renderResult('two', true));
    renameSync(site.path(FOLDER, 'new'), site.path(FOLDER, 'a.status.json'));
    expect((await read()).promises).toMatchObject([{ message: 'two', hasFailed: true }]);
    // So soon after the change another one need not show in the time of the folder.
    expect(await titles()).toEqual(['a']);
    expect(readTexts()).toHaveLength(2);
    rmSync(site.path('slappart0/.slapgrid'), { recursive: true });
    expect((await read()).promises).toEqual([]);
  });

  it('reads what was written in place after half a minute', async () => {
    site.write(`${FOLDER}/a.status.json`, renderResult('one'));
    settle();
    await read();
    site.write(`${FOLDER}/a.status.json`, renderResult('two'));
    settle();
    nowMs += 29_000;
    expect((await read()).promises).toMatchObject([{ message: 'one' }]);
    nowMs += 2000;
    expect((await read()).promises).toMatchObject([{ message: 'two' }]);
  });

  it('has the texts of few files in memory, and stops between them when it takes too long', async () => {
    const references = ['slappart0', 'slappart1', 'slappart2'];
    for (const one of references) {
      for (let index = 0; index < 100; index += 1) {
        site.write(`${one}/${RESULTS}/${index}.status.json`, renderResult(one));
      }
    }
    const host = createGridHost();
    const most: number[] = [];
    const slow = {
      look: (root: string, request: LookRequest) => {
        const { length } = request.texts ?? [];
        if (length > 0) [nowMs] = [nowMs + 1500, most.push(length)];
        return host.look(root, request);
      },
    };
    const patient = new PromiseReader({
      host: slow,
      instanceRoot: site.root,
      nowMs: () => nowMs,
    });
    const readCounts = async () => {
      const found = await patient.read(references);
      return references.map((one) => found.get(one)?.problem || found.get(one)?.promises.length);
    };
    const late = expect.stringContaining('not read in time');
    expect(await readCounts()).toEqual([100, late, late]);
    expect(most).toEqual([64, 64]);
    nowMs += 60_000;
    // Those that were left out come first now.
    expect(await readCounts()).toEqual([late, 100, late]);
    expect(await readCounts()).toEqual([late, 100, 100]);
  });

  it('leaves what takes too long for the next time', async () => {
    const references = Array.from({ length: 130 }, (_, index) => `slappart${index}`);
    for (const one of references) site.write(`${one}/${RESULTS}/a.status.json`, renderResult(one));
    const host = createGridHost();
    const slow = {
      look: (root: string, request: LookRequest) => {
        if ((request.texts ?? []).length > 0) nowMs += 3000;
        return host.look(root, request);
      },
    };
    const patient = new PromiseReader({
      host: slow,
      instanceRoot: site.root,
      nowMs: () => nowMs,
    });
    const countRead = async () =>
      [...(await patient.read(references)).values()].filter(({ problem }) => problem === '').length;
    expect(await countRead()).toBe(64);
    const second = await patient.read(references);
    expect(second.get('slappart127')?.problem).toBe('');
    expect(second.get('slappart128')?.problem).toContain('not read in time');
    expect((await patient.read(references)).get('slappart128')?.problem).toBe('');
    expect(second.get('slappart64')?.promises).toMatchObject([{ message: 'slappart64' }]);
  });
});
