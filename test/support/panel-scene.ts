/** A proxy with its panel, whose test says who is at the other end and what the node does. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerLook } from '../../src/host/network/tcp-peer.ts';
import { silentLogger } from '../../src/log/logger.ts';
import type { PanelOverview } from '../../src/panel/api.ts';
import type { HubLimits } from '../../src/panel/event-hub.ts';
import type { NodeView } from '../../src/panel/node-view.ts';
import { Panel } from '../../src/panel/serve.ts';
import type { ProxyServerOptions } from '../../src/proxy/server.ts';
import { computerDocument, instanceRequest, postForm, startProxy } from './proxy-fixture.ts';
import { type RawRequest, rawRequest } from './raw-request.ts';

export const TOKEN = 'VGhlIHRva2VuIG9mIGEgcGFuZWwgaW4gYSB0ZXN0ISE';
export const OWN_UID = 4000;
/** Whose partition is slappart0 under `peer_check`. */
export const PARTITION_UID = 1000;
const PAGE = '<!doctype html><title>panel</title><link rel="icon" href="data:,">';

export interface PanelSceneOptions {
  readonly proxy?: Partial<ProxyServerOptions>;
  readonly view?: NodeView;
  readonly hubLimits?: Partial<HubLimits>;
  readonly token?: string | null;
  readonly partitionCount?: number;
}

export async function startPanelScene(options: PanelSceneOptions = {}) {
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const log = { ...silentLogger, info: say, warning: say, error: say };
  const assets = mkdtempSync(join(tmpdir(), 'slapos-panel-'));
  const assetsFolder = join(assets, 'panel');
  mkdirSync(assetsFolder);
  writeFileSync(join(assets, 'secret'), 'secret');
  writeFileSync(join(assetsFolder, 'index.html'), PAGE);
  writeFileSync(join(assetsFolder, 'panel.js'), `export const size = 1;\n`.repeat(200));
  writeFileSync(join(assetsFolder, 'serve.js'), 'code of the server');
  let look: PeerLook = { kind: 'local', uid: 0 };
  let nowMs = Date.UTC(2026, 0, 2);
  const panel = new Panel({
    assetsFolder,
    token: options.token === undefined ? TOKEN : options.token,
    node:
      options.view === undefined
        ? { view: null, computerId: 'COMP-1', reason: 'There is no node.' }
        : { view: options.view },
    log,
    ownUid: OWN_UID,
    now: () => nowMs,
    lookAt: () => look,
    ...(options.hubLimits === undefined ? {} : { hubLimits: options.hubLimits }),
  });
  const proxy = await startProxy({ panel, log, ...options.proxy });
  const document = computerDocument(options.partitionCount ?? 4);
  await postForm(`${proxy.url}loadComputerConfigurationFromXML`, { xml: document });
  const host = new URL(proxy.url).host;

  /** Below `/panel/`, on a connection of its own. */
  async function ask(path: string, { headers, ...request }: RawRequest = {}) {
    return rawRequest(proxy.url, `/panel/${path}`, { ...request, headers: { host, ...headers } });
  }

  async function post(path: string, value: unknown, headers: Record<string, string> = {}) {
    return ask(`api/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-slapos-panel': '1', ...headers },
      body: typeof value === 'string' ? value : JSON.stringify(value),
    });
  }

  return {
    ...proxy,
    ask,
    assetsFolder,
    host,
    panel,
    post,
    said,
    page: PAGE,
    /** Whoever connects from now on is this one. */
    peer(next: PeerLook) {
      look = next;
    },
    pass(ms: number) {
      nowMs += ms;
    },
    overview: async () => JSON.parse((await ask('api/overview')).text) as PanelOverview,
    /** As a client of the SLAP protocol does. */
    request: (title: string, changes = {}) => {
      return proxy.master.requestInstance(instanceRequest(title, changes));
    },
    async close() {
      await proxy.close();
      rmSync(assets, { recursive: true });
    },
  };
}

export type PanelScene = Awaited<ReturnType<typeof startPanelScene>>;
