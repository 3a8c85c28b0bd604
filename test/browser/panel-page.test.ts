/** The page of the panel in real Chromium, out of a made-up world: what is shown, and how. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { findBarriers, launchChromium, openPage, takePicture } from '../support/panel-browser.ts';
import { PanelFixture } from '../support/panel-fixture.ts';
import { consumptionOf } from '../support/panel-world.ts';
import { requires } from '../support/requires.ts';

const FIRST_VIEW = ['index.html', 'panel.js', 'panel.css'];
const FIRST_VIEW_BYTES = 100_000;
/** Where each view is, and what it shows when all of it is there. */
const VIEWS = {
  nodes: { hash: '#/', end: 'Instance correctly started' },
  tree: { hash: '#/tree', end: 'Instance correctly started' },
  software: { hash: '#/software', end: 'internal compiler error' },
  instance: { hash: '#/instance/SOFTINST-0', end: 'line 199' },
  hostile: { hash: '#/instance/SOFTINST-2', end: 'line 199' },
  free: { hash: '#/partition/COMP-1/slappart19', end: 'line 199' },
  nothing: { hash: '#/instance/SOFTINST-none', end: 'All instances' },
} as const;

const NAMES = Object.keys(VIEWS) as (keyof typeof VIEWS)[];

requires('chromium')('the page of the panel', () => {
  let browser: Browser;
  let server: PanelFixture;
  const pages: Page[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = new PanelFixture(20);
    await server.start();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close();
    await server.stop();
  });

  async function open(options: Parameters<typeof openPage>[2] = {}, hash = '#/') {
    const opened = await openPage(browser, `${server.url}${hash}`, options);
    pages.push(opened.page);
    await opened.page.locator('main h1').waitFor();
    await opened.page.locator('.live').waitFor();
    return opened;
  }

  async function visit(page: Page, view: keyof typeof VIEWS): Promise<void> {
    const { hash, end } = VIEWS[view];
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await page.getByText(end).first().waitFor({ state: 'attached' });
  }

  it('is small, and loads nothing from outside its folder', async () => {
    const sizes = FIRST_VIEW.map((name) => {
      return statSync(join(packageRoot(), 'dist', 'panel', name)).size;
    });
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(FIRST_VIEW_BYTES);
    const { page, complaints } = await open();
    await page.locator('.partitions').first().waitFor();
    expect(new Set(server.asked)).toEqual(
      new Set(['', 'panel.js', 'panel.css', 'api/overview', 'api/events']),
    );
    expect(complaints).toEqual([]);
    for (const name of FIRST_VIEW) {
      const text = readFileSync(join(packageRoot(), 'dist', 'panel', name), 'utf8');
      expect(text.match(/https?:\/\/[\w.]+/g) ?? []).toEqual([]);
    }
  });

  it('tells what is wrong first, and where', async () => {
    const { page } = await open();
    const verdict = page.locator('.verdict');
    expect(await verdict.locator('h2').textContent()).toBe('Something is wrong in 4 places');
    expect(await verdict.textContent()).toContain(
      'database 2 services failed · services do not run',
    );
    await page.getByRole('link', { name: 'database' }).click();
    await page.getByRole('heading', { level: 1, name: 'database' }).waitFor();
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('view');
  });

  it('shows 500 partitions without laying out those out of sight', async () => {
    await server.stop();
    server = new PanelFixture(500);
    await server.start();
    const { page } = await open();
    const rows = page.getByRole('table', { name: 'Partitions of COMP-1' }).locator('tbody tr');
    expect(await rows.count()).toBe(500);
    const isRendered = (index: number) =>
      rows.nth(index).evaluate((row) => {
        const options = { contentVisibilityAuto: true };
        return (
          row.firstElementChild as unknown as { checkVisibility(o: object): boolean }
        ).checkVisibility(options);
      });
    await expect
      .poll(async () => [await isRendered(0), await isRendered(499)])
      .toEqual([true, false]);
    await rows.nth(499).scrollIntoViewIfNeeded();
    await expect
      .poll(async () => [await isRendered(0), await isRendered(499)])
      .toEqual([false, true]);
    await page.getByLabel('Only problems').check();
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByLabel('Only problems').uncheck();
    await page.getByLabel('Filter').fill('SLAPPART1 2001:db8:5a::b');
    await expect
      .poll(() => rows.locator('td:first-child').allTextContents())
      .toEqual([
        ...['slappart11', 'slappart176', 'slappart177', 'slappart178', 'slappart179'],
        ...['slappart180', 'slappart181', 'slappart182', 'slappart183', 'slappart184'],
        ...['slappart185', 'slappart186', 'slappart187', 'slappart188', 'slappart189'],
        ...['slappart190', 'slappart191'],
      ]);
  });

  it('keeps focus, scroll and what is typed when something changes', async () => {
    await server.stop();
    server = new PanelFixture(200);
    await server.start();
    const { page } = await open();
    await page.getByLabel('Filter').fill('slappart');
    const link = page.getByRole('link', { name: 'slappart150', exact: true });
    await link.focus();
    // Once those that came into sight have their places.
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
    const top = () => link.evaluate((element) => Math.round(element.getBoundingClientRect().top));
    const before = await top();
    expect(await page.evaluate('scrollY')).toBeGreaterThan(1000);
    const [local, ...others] = server.overview.nodes;
    if (local === undefined) throw new Error('no node');
    const partitions = local.partitions.map((one, index) => ({
      ...one,
      consumption: { ...consumptionOf(index), rssBytes: 777 * 1024 * 1024 },
    }));
    server.publish({ nodes: [{ ...local, partitions }, ...others] });
    await page.locator('.partitions tr', { hasText: 'slappart150' }).getByText('777 MiB').waitFor();
    await expect.poll(top).toBe(before);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('slappart150');
    expect(await page.getByLabel('Filter').inputValue()).toBe('slappart');
    // Those before it go: the focus stays with what had it.
    server.publish({ nodes: [{ ...local, partitions: partitions.slice(140, 160) }, ...others] });
    await page.getByRole('link', { name: 'slappart139' }).waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('slappart150');
  });

  it('tells screen readers what has become wrong', async () => {
    const { page } = await open();
    const [local, ...others] = server.overview.nodes;
    if (local === undefined) throw new Error('no node');
    const partitions = local.partitions.map((one) =>
      one.reference === 'slappart7' ? { ...one, promises: { failed: 1, all: 4 } } : one,
    );
    server.publish({ nodes: [{ ...local, partitions }, ...others] });
    const live = page.locator('[aria-live=polite]');
    await expect.poll(() => live.textContent()).toBe('instance 7: 1 promise failed');
    await expect.poll(() => page.title()).toMatch(/^\(7\) Nodes/);
  });

  it('shows hostile texts harmlessly in every view', async () => {
    const { page, complaints } = await open();
    for (const name of NAMES) {
      await visit(page, name);
      const seen = (await page.evaluate(`({
        owned: window.owned,
        strange: document.querySelectorAll('main script, main img, main iframe, [style], [onerror]').length,
        links: [...document.links].map((link) => link.href),
        text: document.body.textContent + [...document.querySelectorAll('*')].flatMap((element) =>
          [...element.attributes].filter(({ name }) => name !== 'href').map(({ value }) => value)).join(' '),
      })`)) as { owned?: number; strange: number; links: string[]; text: string };
      expect(seen.owned).toBeUndefined();
      expect(seen.strange).toBe(0);
      expect(seen.links.filter((link) => !/^https?:/.test(link))).toEqual([]);
      expect(seen.text).not.toMatch(/[^\P{C}\t\n]/u);
      if (name !== 'nothing' && name !== 'free' && name !== 'instance') {
        expect(seen.text).toContain('⟨ESC⟩[2J⟨U+202E⟩gnp.exe⟨U+2066⟩⟨U+200B⟩⟨BEL⟩');
      }
    }
    await takePicture(page, 'hostile');
    expect(complaints).toEqual([]);
  });

  for (const scheme of ['light', 'dark'] as const) {
    it(`has no barriers that axe finds, ${scheme}, wide and on a phone`, async () => {
      for (const width of [1280, 360]) {
        const viewport = { width, height: 800 };
        const { page } = await open({ colorScheme: scheme, viewport });
        for (const name of NAMES) {
          await visit(page, name);
          if (name === 'instance') await openEverything(page);
          const rule = scheme === 'dark' ? 'color-contrast' : undefined;
          if (width > 360 || name === 'instance') {
            expect(await findBarriers(page, rule)).toEqual([]);
          }
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
            width,
          );
          await takePicture(page, `${name}-${width}-${scheme}`);
        }
      }
    });
  }

  async function openEverything(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Show charts' }).click();
    await page.getByRole('button', { name: 'History (24 results) of disk-space' }).click();
    await page.getByRole('button', { name: 'Show admin-password' }).click();
    await page.locator('figure canvas').nth(3).waitFor();
  }

  it('loads charts when they are asked for, and tells them in words', async () => {
    const { page, complaints } = await open({}, VIEWS.instance.hash);
    const show = page.getByRole('button', { name: 'Show charts' });
    await show.waitFor();
    expect(server.asked).not.toContain('charts.js');
    await show.click();
    await page.locator('figcaption', { hasText: /^CPU: used [\d.]+ %, at most 66 %$/ }).waitFor();
    expect(await page.locator('figure canvas').count()).toBe(4);
    const range = page.getByRole('button', { name: '1 h' });
    await range.click();
    await expect.poll(() => range.getAttribute('aria-pressed')).toBe('true');
    expect(complaints).toEqual([]);
  });

  it('follows a log while its end is in sight', async () => {
    const { page } = await open({}, VIEWS.instance.hash);
    const log = page.getByRole('region', { name: 'Log, last lines' });
    await log.getByText('line 199').waitFor();
    const distance = () =>
      log.evaluate((pre) => pre.scrollHeight - pre.scrollTop - pre.clientHeight);
    await expect.poll(distance).toBeLessThan(2);
    server.lines = [...server.lines, 'one more line'];
    server.publish({});
    await log.getByText('one more line').waitFor();
    await expect.poll(distance).toBeLessThan(2);
    await log.evaluate((pre) => pre.scrollTo(0, 0));
    server.lines = [...server.lines, 'and another'];
    server.publish({});
    await log.getByText('and another').waitFor();
    expect(await log.evaluate((pre) => pre.scrollTop)).toBe(0);
  });

  it('hides what looks secret until it is asked for, and copies', async () => {
    const { page } = await open(
      { permissions: ['clipboard-read', 'clipboard-write'] },
      VIEWS.instance.hash,
    );
    const connection = page.getByRole('region', { name: 'Connection' });
    await connection.getByText('hidden').waitFor();
    expect(await page.locator('body').textContent()).not.toContain('correct horse');
    await page.getByRole('button', { name: 'Copy admin-password' }).click();
    await page.getByText('admin-password is copied.').first().waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('correct horse');
    await page.getByRole('button', { name: 'Show admin-password' }).click();
    await connection.getByText('correct horse').waitFor();
  });

  it('says since when it is not live, and is live again by itself', async () => {
    const { page } = await open();
    await server.stop();
    await page.getByText(/^not live since \d\d:\d\d:\d\d$/).waitFor();
    expect(await page.locator('.partitions').count()).toBe(2);
    expect(await page.locator('.verdict h2').textContent()).toMatch(/^Something was wrong/);
    await takePicture(page, 'not-live');
    server.overview = { ...server.overview, nodes: server.overview.nodes.slice(0, 1) };
    await server.start();
    await page.locator('.live').waitFor();
    await expect.poll(() => page.locator('.partitions').count()).toBe(1);
    await expect.poll(() => server.followers).toBe(1);
    server.isSignedOut = true;
    await server.stop();
    await server.start();
    await page.getByRole('link', { name: 'sign in' }).waitFor();
  });
});
