/** Client commands of a user of a real proxy that has three partitions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { computerDocument, SOFTWARE, startProxy } from './proxy-fixture.ts';
import { runSlapos } from './run-slapos.ts';

export async function startProxyClient() {
  const proxy = await startProxy();
  await proxy.master.loadComputerConfiguration(computerDocument(3));

  /** Writes a file beside the database; gives its path. */
  function file(name: string, text: string): string {
    const path = join(proxy.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Runs a command line with the configuration of the proxy, and `hello` for its software. */
  async function slapos(...words: string[]) {
    const aliases = `alias =\n  hello ${SOFTWARE}\n`;
    const text = `[slapos]\nmaster_url = ${proxy.url}\ncomputer_id = COMP-1\n[slapconsole]\n${aliases}`;
    const path = file('client.cfg', text);
    return runSlapos([...words, '--cfg', path], { cwd: proxy.folder });
  }

  return { ...proxy, file, slapos };
}

export type ProxyClient = Awaited<ReturnType<typeof startProxyClient>>;
