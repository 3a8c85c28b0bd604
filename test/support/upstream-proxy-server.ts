/** Upstream's slapproxy on a port of loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = `
import json, sys
from werkzeug.serving import make_server
from slapos.proxy.views import app
app.config.update(DATABASE_URI=sys.argv[1], **json.loads(sys.argv[2]), computer_id='COMP-1', computer_id_list=[],
  software_product_list={'kvm': 'https://example.com/kvm.cfg'}, multimaster={}, run_id='x' * 32)
server = make_server('127.0.0.1', 0, app)
print(server.server_port, flush=True)
server.serve_forever()
`;

/**
 * @param python that can import slapos.proxy
 * @param more of the configuration of its application
 */
export async function startUpstreamProxy(
  python: string,
  more: Readonly<Record<string, string>> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-upstream-proxy-'));
  const database = join(folder, 'proxy.db');
  const child = spawn(python, ['-c', PROGRAM, database, JSON.stringify(more)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const url = `http://127.0.0.1:${await readPort(child)}/`;
  return {
    url,
    async close() {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function readPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.includes('\n')) resolve(Number(text));
    });
    child.once('error', reject);
    child.once('close', (status) => reject(new Error(`slapproxy ended with ${status}`)));
  });
}
