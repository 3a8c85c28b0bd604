/** The panel of a real proxy, over a real node, in real Chromium: an instance from its request to its end. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  findBarriers,
  launchChromium,
  openPage,
  takePicture,
  type WatchedPage,
} from '../support/panel-browser.ts';
import { PanelMachine } from '../support/panel-machine.ts';
import { requires } from '../support/requires.ts';

const HOSTILE_TITLE = '<img src=x onerror="window.owned=1">\u202egnp.exe';
const FAILURE = `printf '<script>window.owned=1</script>\\033[2Jno file'; exit 1`;

requires(
  'root',
  'netns',
  'buildout',
  'chromium',
)('the panel of a node', () => {
  let browser: Browser;
  let scene: PanelMachine;
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    scene = new PanelMachine();
    [browser] = await Promise.all([launchChromium(), scene.prepare()]);
    watched = await openPage(browser, scene.url);
    page = watched.page;
    page.setDefaultTimeout(40_000);
  });
  afterAll(async () => {
    await browser?.close();
    await scene.remove();
  });

  // Each step begins where the one before ended.
  let isBroken = false;
  beforeEach(() => {
    if (isBroken) throw new Error('a step before this one failed');
  });
  afterEach(async ({ task }) => {
    if (isBroken || task.result?.state !== 'fail') return;
    isBroken = true;
    await takePicture(page, 'node-failure');
  });

  const services = () => page.getByRole('region', { name: 'Services' });
  const promises = () => page.getByRole('region', { name: 'Promises' });

  it('shows the node, its partitions and its software', async () => {
    await page.locator('.live').waitFor();
    const node = page.getByRole('region', { name: 'COMP-1' });
    await node.getByText('this machine').waitFor();
    expect(await node.getByRole('table').locator('tbody tr').count()).toBe(3);
    await page.getByRole('link', { name: 'Software' }).click();
    await page.getByText('available', { exact: true }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
  });

  it('requests an instance, whose mistake the schema of the software finds', async () => {
    await page.getByRole('button', { name: 'Request…' }).click();
    await page.getByLabel('Title').fill('greeter');
    await page.getByLabel(/^Greeting/).fill('Hello!');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    const field = page.getByLabel(/^Greeting/);
    await expect.poll(() => field.getAttribute('aria-invalid')).toBe('true');
    expect(await page.locator('[id="field/greeting-mistake"]').textContent()).toMatch(/greeting/);
    await takePicture(page, 'node-mistake');
    await field.fill('hello');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'greeter' }).waitFor();
  });

  it('watches it become started, and reads its connection', async () => {
    await scene.node.ours('node', 'instance', '--now');
    await services().getByText('running').first().waitFor();
    await page.getByText('Instance correctly started').waitFor();
    const url = await page
      .getByRole('region', { name: 'Connection' })
      .getByRole('link')
      .textContent();
    const answer = await fetch(`${url}status.json`);
    expect(await answer.json()).toMatchObject({
      title: 'greeter',
      parameters: { greeting: 'hello' },
    });
    await page.getByRole('region', { name: 'Parameters' }).getByText('hello').waitFor();
    const logs = page.getByLabel('File');
    const names = await logs.locator('option').allTextContents();
    await logs.selectOption(names.find((name) => name.includes('hello-')) ?? '');
    await page.getByText(`listening on ${url}`).waitFor({ state: 'attached' });
  });

  it('draws what it uses', async () => {
    await page.getByRole('button', { name: 'Show charts' }).click();
    await page.getByText(/^Memory: resident \d[\d.]* MiB/).waitFor();
    expect(await page.locator('figure canvas').count()).toBe(4);
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole('region', { name: 'Consumption' }).scrollIntoViewIfNeeded();
    await takePicture(page, 'node-charts');
  });

  it('sees a promise fail and recover', async () => {
    const { node } = scene;
    const [partition = ''] =
      /slappart\d+/.exec((await page.locator('main').textContent()) ?? '') ?? [];
    scene.addPromise(partition, 'has-file', 'echo there');
    await node.ours('node', 'promise', '--now');
    await promises().getByText('has-file', { exact: true }).waitFor();
    scene.addPromise(partition, 'has-file', FAILURE);
    await node.run('ours', 'node', 'promise', '--now');
    await promises().getByText('⟨ESC⟩[2Jno file').first().waitFor();
    await page.locator('.problem', { hasText: '1 promise failed' }).waitFor();
    await takePicture(page, 'node-promise-failed');
    scene.addPromise(partition, 'has-file', 'echo there');
    await node.ours('node', 'promise', '--now');
    await page.locator('.problem').waitFor({ state: 'detached' });
    await promises()
      .getByRole('button', { name: /^History \(\d+ results\) of has-file/ })
      .click();
    await expect
      .poll(() => promises().locator('.history .badge').allTextContents())
      .toContain('failed');
    expect(await page.evaluate('window.owned')).toBeUndefined();
  });

  it('stops and starts a service', async () => {
    await services()
      .getByRole('button', { name: /^Stop hello-/ })
      .click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await services().getByText('stopped').waitFor();
    await services()
      .getByRole('button', { name: /^Start hello-/ })
      .click();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await services().getByText('running').first().waitFor();
  });

  it('shows a hostile title harmlessly', async () => {
    await page.getByRole('link', { name: 'Instances' }).click();
    await page.getByRole('button', { name: 'Request an instance' }).click();
    await page.getByLabel('Title').fill(HOSTILE_TITLE);
    await page.getByLabel(/^Greeting/).fill('hello');
    await page.getByRole('button', { name: 'Request', exact: true }).click();
    const seen = '<img src=x onerror="window.owned=1">⟨U+202E⟩gnp.exe';
    await page.getByRole('heading', { level: 1, name: seen }).waitFor();
    expect(await page.title()).toContain('⟨U+202E⟩gnp.exe');
    expect(await page.evaluate('window.owned')).toBeUndefined();
    await page.getByRole('button', { name: 'Destroy…' }).click();
    await page.getByLabel(/^Type/).fill(seen);
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
  });

  it('stops it and destroys it', async () => {
    const { node } = scene;
    await page.getByRole('link', { name: 'Instances' }).click();
    await page.getByRole('link', { name: 'greeter' }).click();
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('button', { name: 'Start…' }).waitFor();
    await node.ours('node', 'instance', '--now');
    await services().getByText('None:').waitFor();
    await page.getByRole('button', { name: 'Destroy…' }).click();
    await page.getByLabel(/^Type/).fill('greeter');
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await node.ours('node', 'report', '--now');
    await page.getByRole('heading', { name: 'Not here' }).waitFor();
    await page.getByRole('link', { name: 'Nodes' }).click();
    await page.getByText('0 of 3 partitions used').waitFor();
    await takePicture(page, 'node-end');
  });

  it('was never complained about by the browser', () => {
    const refusal = /status of 422/;
    expect(watched.complaints.filter((text) => !refusal.test(text))).toEqual([]);
  });
});
