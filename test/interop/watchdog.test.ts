/** The watchdog of slapos.core as it is, under the stock supervisord and ours: the same bangs. */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import { findPeers, OUR_SUPERVISORD, PeerDaemon } from '../support/supervisor-peers.ts';
import { until } from '../support/supervisor-run.ts';

const WATCHDOG = join(dirname(process.env['SLAPOS_PEER_PYTHON'] ?? '/'), 'slapos-watchdog');

/** Programs that start end a little later: upstream calls an end within startProcess SPAWN_ERROR. */
const MAIN = `[supervisord]
logfile=ROOT/main.log
pidfile=ROOT/pid
childlogdir=ROOT

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[unix_http_server]
file=ROOT/sv.sock

[eventlistener:watchdog]
command=ROOT/watchdog --master-url 'http://127.0.0.1:PORT/'  --computer-id 'COMP-1' --instance-root 'ROOT'
events=PROCESS_STATE_EXITED, PROCESS_STATE_FATAL

[group:slappart0]
programs=httpd,plain

[program:httpd]
command=/bin/sh -c 'sleep 0.2; exit 1'
process_name=httpd-on-watch
autostart=false
autorestart=false
startsecs=0
startretries=0

[program:plain]
command=/bin/sh -c 'sleep 0.2; exit 1'
process_name=plain
autostart=false
autorestart=false
startsecs=0

[group:slappart1]
programs=broken

[program:broken]
command=/nonexistent
process_name=broken-on-watch
startsecs=0
startretries=0
`;

/**
 * Starts upstream's program unchanged. Before Python 3.12 its modules ask for the resources of a
 * module, which then had to be a package.
 */
const STARTER = `#!${process.env['SLAPOS_PEER_PYTHON']}
import importlib.resources, importlib.util, runpy, sys
files = importlib.resources.files
def files_of(name):
    spec = importlib.util.find_spec(name) if isinstance(name, str) else None
    return files(spec.parent if spec and not spec.submodule_search_locations else name)
if sys.version_info < (3, 12):
    importlib.resources.files = files_of
sys.argv[0] = '${WATCHDOG}'
runpy.run_path('${WATCHDOG}', run_name='__main__')
`;

/** A Master that only writes down what it is told. */
class Listener {
  readonly seen: string[] = [];
  #server: Server | undefined;

  async start(): Promise<number> {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        // Upstream's client asks first whether there is a newer interface; there is none.
        if (request.method === 'GET') return response.writeHead(404).end();
        this.seen.push(`${request.method} ${request.url} ${body}`);
        return response.end('OK');
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

const [missing] = missingFacilities(['root', 'netns']);
const reason =
  missing?.reason ?? (existsSync(WATCHDOG) ? undefined : `${WATCHDOG} is not installed`);
const [peer] = reason === undefined ? findPeers() : [];

describe.skipIf(reason !== undefined)(
  `the watchdog of slapos.core${reason === undefined ? '' : ` [skipped: ${reason}]`}`,
  () => {
    const commands: Array<[string, readonly string[]]> = [['ours', OUR_SUPERVISORD]];
    if (peer !== undefined) commands.push([`that of ${peer.title}`, [peer.supervisord]]);

    describe.each(commands)('under a supervisord: %s', (_, command) => {
      const master = new Listener();
      let daemon: PeerDaemon;

      beforeAll(async () => {
        const port = await master.start();
        daemon = new PeerDaemon(command, {
          'main.conf': MAIN.replace('PORT', String(port)),
          watchdog: STARTER,
        });
        for (const partition of ['slappart0', 'slappart1']) {
          daemon.write(`${partition}/.timestamp`, '100');
        }
        await daemon.start();
        await daemon.awaitState('watchdog', 'RUNNING');
      });
      afterAll(async () => {
        await daemon.stop();
        master.stop();
      });

      const bang = (partition: string, name: string) =>
        expect.stringMatching(
          new RegExp(`^POST /softwareInstanceBang .*computer_partition_id=${partition}.*${name}`),
        );

      it('tells of what could not start and of what ended, once per processing', async () => {
        await until(() => (master.seen.length > 0 ? true : undefined), 'the first bang', 20_000);
        expect(master.seen).toEqual([bang('slappart1', 'broken-on-watch')]);
        await daemon.client.call('supervisor.startProcess', 'slappart0:plain', false);
        await daemon.client.call('supervisor.startProcess', 'slappart0:httpd-on-watch');
        await until(() => (master.seen.length > 1 ? true : undefined), 'the second bang');
        expect(master.seen[1]).toEqual(bang('slappart0', 'httpd-on-watch'));
        await daemon.awaitState('slappart0:httpd-on-watch', 'EXITED');
        await daemon.client.call('supervisor.startProcess', 'slappart0:httpd-on-watch');
        await sleep(2500);
        expect(master.seen).toHaveLength(2);
        expect(daemon.read('slappart0/.slapos_latest_bang_timestamp')).toMatch(/^100/);
      });
    });
  },
);
