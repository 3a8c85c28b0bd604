/** A Python script that is given to our console is run by the real slapos.core. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../support/bundle-slapos.ts';
import { findPeerPython } from '../support/peer-python.ts';
import {
  computerDocument,
  type ProxyFixture,
  SOFTWARE,
  startProxy,
} from '../support/proxy-fixture.ts';

const peer = findPeerPython('slapos.cli.console');
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';

const SCRIPT = `
import os, sys
supply('${SOFTWARE}', 'COMP-1')
instance = request('${SOFTWARE}', 'from python', {'a': 'é'})
print(os.path.basename(__file__), sys.argv[1:], instance.getState(), product.kvm)
sys.exit(7)
`;

describe.skipIf(note !== '')(`slapos console with a Python script${note}`, () => {
  let built = { folder: '', program: '' };
  let proxy: ProxyFixture;

  beforeAll(async () => {
    built = await bundleProgram('src/bin/slapos.ts');
    proxy = await startProxy();
    await proxy.master.loadComputerConfiguration(computerDocument(1));
  });
  afterAll(async () => {
    rmSync(built.folder, { recursive: true });
    await proxy.close();
  });

  it('has its names, arguments, Master and exit status', async () => {
    const config = join(built.folder, 'client.cfg');
    const script = join(built.folder, 'cron.py');
    const where = `[slapconsole]\npython_slapos = ${python}\n`;
    writeFileSync(config, `[slapos]\nmaster_url = ${proxy.url}\n${where}`);
    writeFileSync(script, SCRIPT);
    // The folder of the caller may be anybody's: nothing is imported from there.
    for (const module of ['cliff.py', 'slapos.py', 'argparse.py']) {
      writeFileSync(join(built.folder, module), 'raise SystemExit(99)');
    }
    const words = ['console', '--cfg', config, script, 'a', '--b'];
    const child = spawn(process.execPath, [built.program, ...words], {
      cwd: built.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect(stdout, stderr).toBe("cron.py ['a', '--b'] started https://example.com/kvm.cfg\n");
    expect(status).toBe(7);
    const computer = await proxy.master.getFullComputerInformation('COMP-1');
    expect(computer.softwareReleases).toMatchObject([{ url: SOFTWARE }]);
    expect(computer.partitions).toMatchObject([{ parameters: { a: 'é' } }]);
  });
});
