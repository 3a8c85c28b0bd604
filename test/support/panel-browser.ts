/** Real Chromium for the page of the panel; screenshots go to build/test-artefacts. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { packageRoot } from '../../src/host/package/package-files.ts';

export const CHROMIUM = '/usr/bin/chromium';
const ARTEFACTS = join(packageRoot(), 'build', 'test-artefacts');

export function launchChromium(): Promise<Browser> {
  // /dev/shm is small in containers; a page of ours needs no processor for its pictures.
  const args = ['--disable-dev-shm-usage', '--disable-gpu', '--force-color-profile=srgb'];
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: CHROMIUM, args: [...args, ...root] });
}

export interface WatchedPage {
  readonly page: Page;
  /** What the page complained about: errors, refusals of its security policy. */
  readonly complaints: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}

export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: false });
}

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

interface AxeResult {
  readonly violations: ReadonlyArray<{
    readonly id: string;
    readonly help: string;
    readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary?: string }>;
  }>;
}

/**
 * What axe finds wrong in the page as it is shown, a line each.
 * @param rule the only one that is looked at, where the others have been
 */
export async function findBarriers(page: Page, rule?: 'color-contrast'): Promise<string[]> {
  const options = {
    resultTypes: ['violations'],
    ...(rule === undefined ? {} : { runOnly: [rule] }),
  };
  // Not by a script element: the security policy of the page refuses that, as it should.
  const { violations } = (await page.evaluate(
    `(async () => { if (!window.axe) { ${axeSource} } return await window.axe.run(document, ${JSON.stringify(options)}); })()`,
  )) as AxeResult;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`),
  );
}
