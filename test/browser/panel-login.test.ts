/** The login of the panel in real Chromium, which says where its forms come from. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { findBarriers, launchChromium, openPage, takePicture } from '../support/panel-browser.ts';
import { type PanelScene, startPanelScene, TOKEN } from '../support/panel-scene.ts';
import { requires } from '../support/requires.ts';

requires('chromium')('the login of the panel', () => {
  let browser: Browser;
  let scene: PanelScene;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    scene = await startPanelScene();
    scene.peer({ kind: 'local', uid: 1234 });
  });
  afterEach(() => scene.close());

  it('takes the token, and nothing else', async () => {
    const { page, complaints } = await openPage(browser, `${scene.url}panel/`);
    expect(await page.title()).toBe('Panel of a SlapOS node');
    expect(await findBarriers(page)).toEqual([]);
    await takePicture(page, 'login');
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toBe('That is not the token.');
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.waitForURL(/\/panel\/$/);
    expect(await page.title()).toBe('panel');
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/panel' });
    await page.reload();
    expect(await page.title()).toBe('panel');
    const others = complaints.filter((text) => !text.includes('401'));
    expect(others).toEqual([]);
    await page.context().close();
  });

  it('is of no use to a page of another origin', async () => {
    const { page } = await openPage(browser, `${scene.url}panel/`);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.waitForURL(/\/panel\/$/);
    const other = createServer((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><title>x</title>');
    });
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    try {
      const { port } = other.address() as AddressInfo;
      await page.goto(`http://localhost:${port}/`);
      const target = `${scene.url}panel/api/`;
      const outcome = await page.evaluate(`(async () => {
        const tries = [];
        const attempt = async (path, options) => {
          try {
            const answer = await fetch('${target}' + path, { credentials: 'include', ...options });
            tries.push(answer.type + ' ' + answer.status + ' ' + (await answer.text()));
          } catch (error) { tries.push('refused'); }
        };
        await attempt('overview', {});
        await attempt('overview', { mode: 'no-cors' });
        await attempt('state', { method: 'POST', mode: 'no-cors', body: '{}' });
        await attempt('state', { method: 'POST', headers: { 'x-slapos-panel': '1' }, body: '{}' });
        return tries;
      })()`);
      // Of an opaque answer a page sees nothing.
      expect(outcome).toEqual(['refused', 'opaque 0 ', 'opaque 0 ', 'refused']);
      const refusals = scene.said.filter((line) => line.includes('A page of another origin asks'));
      expect(refusals.length).toBeGreaterThanOrEqual(3);
    } finally {
      other.close();
      await page.context().close();
    }
  });
});
