/** The dialogs of the panel in real Chromium: requests by the keyboard, errors at their fields. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { findBarriers, launchChromium, openPage, takePicture } from '../support/panel-browser.ts';
import { PanelFixture } from '../support/panel-fixture.ts';
import { HELLO, HOSTILE, KVM } from '../support/panel-world.ts';
import { requires } from '../support/requires.ts';

requires('chromium')('the dialogs of the panel', () => {
  let browser: Browser;
  let server: PanelFixture;
  let page: Page;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = new PanelFixture(8);
    await server.start();
  });
  afterEach(async () => {
    await page.context().close();
    await server.stop();
  });

  async function open(hash: string, options: Parameters<typeof openPage>[2] = {}): Promise<void> {
    ({ page } = await openPage(browser, `${server.url}${hash}`, options));
    await page.locator('.live').waitFor();
  }

  async function openRequest(software = KVM): Promise<void> {
    await page.getByRole('button', { name: 'Request an instance' }).click();
    await page.getByLabel('Software').fill(software);
    await page.getByLabel('Title').focus();
    await page
      .getByText(software === KVM ? 'Port' : 'No form:')
      .first()
      .waitFor();
  }

  const focusedLabel = () =>
    page.evaluate(
      'document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent',
    );

  /** Presses Tab until it is there, as a person does. */
  async function tabTo(label: RegExp): Promise<void> {
    for (let count = 0; count < 40; count++) {
      if (label.test(String(await focusedLabel()))) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`Tab does not lead to ${label}`);
  }

  it('requests an instance by the keyboard alone', async () => {
    await open('#/');
    await page.keyboard.press('Tab');
    expect(await focusedLabel()).toBe('Skip to the content');
    await tabTo(/^Instances$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Instances' }).waitFor();
    await tabTo(/^Request an instance$/);
    await page.keyboard.press('Enter');
    expect(await focusedLabel()).toMatch(/^Title/);
    await page.keyboard.type('by hand');
    await tabTo(/^Software/);
    await page.keyboard.type(KVM);
    await page.keyboard.press('Tab');
    await page.getByText('Port').first().waitFor();
    await tabTo(/^Port/);
    await page.keyboard.type('80');
    await tabTo(/^greeting/);
    expect(await page.locator('[id="field/port-mistake"]').textContent()).toBe(
      'It must be at least 1024.',
    );
    await page.keyboard.press('Enter');
    // The first field that is wrong has the focus.
    expect(await focusedLabel()).toMatch(/^Port/);
    await page.keyboard.type('80');
    await tabTo(/^Mode/);
    await page.keyboard.type('safe');
    await tabTo(/^Request$/);
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(server.told).toMatchObject([
      { path: 'request', body: { title: 'by hand', parameters: { port: 8080, mode: 'safe' } } },
    ]);
  });

  it('gives the focus back when a dialog is closed by Escape', async () => {
    await open('#/tree');
    await page.getByRole('button', { name: 'Request an instance' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(await focusedLabel()).toBe('Request an instance');
    expect(server.told).toEqual([]);
  });

  it('sends what the form holds, of every kind', async () => {
    await open('#/tree');
    await openRequest();
    await page.getByLabel('Title').fill('all kinds');
    await page.getByLabel('Type').selectOption('cluster');
    await page.getByLabel('Node', { exact: true }).selectOption('COMP-1');
    await page.getByLabel(/^Port/).fill('8080');
    await page.getByLabel(/^Mode/).selectOption('safe');
    await page.getByLabel('verbose').selectOption('yes');
    await page.getByLabel('ratio').fill('0.25');
    await page.getByRole('button', { name: 'Add to Names' }).click();
    await page.getByRole('textbox', { name: 'Names 1' }).fill('first');
    await page.getByRole('button', { name: 'Add to Names' }).click();
    await page.getByRole('textbox', { name: 'Names 2' }).fill('second');
    await page.getByRole('button', { name: 'Remove Names 1' }).click();
    await page.getByRole('button', { name: 'Set Disk' }).click();
    await page.getByLabel(/^Size in GiB/).fill('3');
    await page.getByLabel('Kind').selectOption('A pool');
    await page.getByLabel(/^count/).fill('2');
    await takePicture(page, 'request');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(server.told).toEqual([
      {
        path: 'request',
        body: {
          title: 'all kinds',
          softwareUrl: KVM,
          softwareType: 'cluster',
          isShared: false,
          state: 'started',
          computerId: 'COMP-1',
          isNew: true,
          parameters: {
            port: 8080,
            mode: 'safe',
            verbose: true,
            ratio: 0.25,
            names: ['second'],
            disk: { size: 3 },
            backend: { count: 2 },
          },
        },
      },
    ]);
    await page.getByRole('heading', { level: 1, name: 'web shop' }).waitFor();
  });

  it('shows mistakes at their fields, its own and those the server finds', async () => {
    await open('#/tree');
    await openRequest();
    const send = page.getByRole('button', { name: 'Request', exact: true });
    await send.click();
    expect(await focusedLabel()).toMatch(/^Title/);
    expect(await page.locator('#wish-title-mistake').textContent()).toBe('It needs a title.');
    expect(await page.locator('[id="field/mode-mistake"]').textContent()).toBe('This is required.');
    expect(await findBarriers(page)).toEqual([]);
    await takePicture(page, 'request-mistakes');
    await page.getByLabel('Title').fill('shop');
    await page.getByLabel(/^Port/).fill('eighty');
    await page.getByLabel(/^Mode/).selectOption('fast');
    expect(await page.locator('[id="field/port-mistake"]').textContent()).toBe(
      'It must be a whole number.',
    );
    await page.getByLabel(/^Port/).fill('2000');
    server.problem = {
      status: 422,
      problem: `port 2000 is taken ${HOSTILE}`,
      hint: '',
      field: '/parameters/port',
    };
    await send.click();
    await page.getByText('port 2000 is taken').waitFor();
    expect(await focusedLabel()).toMatch(/^Port/);
    expect(await page.getByLabel(/^Port/).getAttribute('aria-invalid')).toBe('true');
    server.problem = { status: 409, problem: 'The title is taken.', hint: '', field: '/title' };
    await page.getByLabel(/^Port/).fill('2001');
    await send.click();
    await page.getByText('The title is taken.').waitFor();
    expect(await focusedLabel()).toMatch(/^Title/);
    server.problem = { status: 503, problem: 'The disk is full.', hint: 'Free some.', field: '' };
    await page.getByLabel('Title').fill('shop 2');
    await send.click();
    await page.getByRole('alert').getByText('The disk is full. Free some.').waitFor();
    expect(await page.evaluate('window.owned')).toBeUndefined();
  });

  it('edits any parameters as JSON, and without a schema', async () => {
    await open('#/tree');
    await openRequest(HELLO);
    await page.getByLabel('Title').fill('plain');
    await page.getByLabel('Another parameter').fill('greeting');
    await page.keyboard.press('Enter');
    await page.keyboard.type('hello');
    await page.getByRole('button', { name: 'JSON' }).click();
    const json = page.getByLabel('Parameters as JSON');
    expect(JSON.parse(await json.inputValue())).toEqual({ greeting: 'hello' });
    await json.fill('{"greeting": ');
    await page.getByRole('button', { name: 'Form' }).click();
    expect(await page.locator('#parameters-json-mistake').textContent()).toMatch(/JSON/);
    await json.fill('{"greeting": "hi", "deep": [1, {"__proto__": 2}]}');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(JSON.stringify(server.told[0]?.body['parameters'])).toBe(
      '{"greeting":"hi","deep":[1,{"__proto__":2}]}',
    );
  });

  it('asks before it acts, and for the title before it destroys', async () => {
    await open('#/instance/SOFTINST-0');
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(server.told).toEqual([]);
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText('web shop is asked to be stopped.').first().waitFor();
    await page.getByRole('button', { name: 'Restart nginx-on-watch' }).click();
    await page.getByRole('button', { name: 'Restart', exact: true }).click();
    await page.getByText('nginx-on-watch: restart is done.').first().waitFor();
    await page.getByRole('button', { name: 'Destroy…' }).click();
    await page.getByLabel(/^Type/).fill('web sho');
    await page.keyboard.press('Enter');
    await page.getByText('The title does not match.').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await takePicture(page, 'destroy');
    await page.getByLabel(/^Type/).fill('web shop');
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
    expect(server.told).toEqual([
      { path: 'state', body: { reference: 'SOFTINST-0', state: 'stopped' } },
      {
        path: 'service',
        body: { partition: 'slappart0', name: 'nginx-on-watch', action: 'restart' },
      },
      { path: 'state', body: { reference: 'SOFTINST-0', state: 'destroyed' } },
    ]);
  });

  it('fits a phone, dark', async () => {
    await open('#/tree', { colorScheme: 'dark', viewport: { width: 360, height: 700 } });
    await openRequest();
    expect(await findBarriers(page)).toEqual([]);
    const width = await page.locator('dialog').evaluate((dialog) => dialog.scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
    await takePicture(page, 'request-phone');
  });
});
