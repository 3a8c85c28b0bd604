/** The panel of the proxy, loaded with the first request to it. */
import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { errorMessage, isSlaposError } from '../../errors/slapos-error.ts';
import { makePrivateFolder } from '../../host/folder/private-folder.ts';
import { readOrCreateSecret } from '../../host/folder/secret-file.ts';
import { packageRoot } from '../../host/package/package-files.ts';
import type { Logger } from '../../log/logger.ts';
import type { OpenPanelOptions } from '../../panel/open-panel.ts';
import { STATE_HINT } from '../../proxy/database-uri.ts';
import type { PanelPort } from '../../proxy/web/panel-port.ts';

const TOKEN_BYTES = 32;
const PARTITION_BASE = 'slappart';
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface PanelSettings {
  /** Folder in which the token is kept. */
  readonly stateFolder: string;
  readonly computerId: string;
  readonly config: Config;
  readonly cwd: string;
  readonly log: Logger;
}

export interface LazyPanel extends PanelPort {
  /** Says where the panel is, and where its token. @param address such as `http://127.0.0.1:5000` */
  announce(address: string): void;
}

/** Nothing is loaded or read before somebody looks at the panel, but for the token. */
export function preparePanel(settings: PanelSettings): LazyPanel {
  const { log } = settings;
  const tokenFile = join(settings.stateFolder, 'panel-token');
  const token = readToken(tokenFile, log);
  let loading: Promise<PanelPort> | undefined;
  let loaded: PanelPort | undefined;
  const load = async (): Promise<PanelPort> => {
    const { openPanel } = await import('../../panel/open-panel.ts');
    loaded = openPanel({
      assetsFolder: join(packageRoot(), 'dist', 'panel'),
      token,
      log,
      ownUid: process.geteuid?.() ?? 0,
      computerId: settings.computerId,
      node: findNode(settings),
    });
    return loaded;
  };
  return {
    announce(address) {
      const place = token === null ? 'nobody has a token for it' : `its token is in ${tokenFile}`;
      log.info(`Panel: ${address}/panel/ (${place})`, {
        event: 'proxy.panel',
        address,
        file: tokenFile,
      });
    },
    async answer(request, reply, environment) {
      loading ??= load();
      return (await loading).answer(request, reply, environment);
    },
    changed: () => loaded?.changed(),
    close: async () => loaded?.close(),
  };
}

/** The node that the configuration describes, which may have sections of its own or share one. */
function findNode({ config, computerId, cwd }: PanelSettings): OpenPanelOptions['node'] {
  const value = (key: string) => {
    return (config.get('slapos', key) ?? config.get('slapproxy', key) ?? '').trim();
  };
  const instanceRoot = value('instance_root');
  if (instanceRoot === '') {
    return { reason: `${config.path} names no instance_root: services are not looked at.` };
  }
  const base = config.get('slapformat', 'partition_base_name')?.trim() ?? '';
  return {
    instanceRoot: resolve(cwd, instanceRoot),
    computerId,
    masterUrl: value('master_url'),
    partitionBase: base === '' ? PARTITION_BASE : base,
    // Partitions are those that the proxy knows.
    partitionAmount: undefined,
  };
}

/** Without a token the panel is for root and the user of the proxy only. */
function readToken(path: string, log: Logger): string | null {
  try {
    makePrivateFolder(dirname(path), STATE_HINT);
    const token = readOrCreateSecret(path, () => randomBytes(TOKEN_BYTES).toString('base64url'));
    if (TOKEN.test(token)) return token;
    log.error(`${path} does not hold the token of a panel: remove it, and start again.`);
  } catch (error) {
    const hint = isSlaposError(error) ? (error.hint ?? STATE_HINT) : STATE_HINT;
    log.error(`The panel has no token: ${errorMessage(error)} ${hint}`, {
      event: 'proxy.panel_token',
    });
  }
  return null;
}
