/** `proxy start`: serves until SIGTERM or SIGINT (spec/proxy.md 1). */
import { statSync } from 'node:fs';
import { errorCode, errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import { locateDatabase, redactDatabaseUri } from '../../proxy/database-uri.ts';
import { type ProxyOptions, parseProxyOptions } from '../../proxy/options.ts';
import { createProxyServer, type ProxyServer } from '../../proxy/server.ts';
import { applySoftwareRoot } from '../../proxy/software-root.ts';
import { openStore } from '../../proxy/store-open.ts';
import type { CommandHandler } from '../command.ts';
import { preparePanel } from './panel.ts';
import { preparePeerCheck } from './peer-check.ts';
import { findStateFolder } from './state-folder.ts';

export const run: CommandHandler = async ({ config, options, cwd, log, signal, ...context }) => {
  const proxy = parseProxyOptions(config, options);
  if (proxy.logFile !== undefined && !context.hasLogFileOption) context.addLogFile(proxy.logFile);
  const peerCheck = await preparePeerCheck(proxy, config, cwd);
  if (peerCheck === undefined && !isLoopback(proxy.host)) warnOpen(proxy.host, log);
  const database = locateDatabase(cwd, proxy.databaseUri);
  const stateFolder = findStateFolder(proxy, { cwd, env: context.env });
  const store = await openStore(database, proxy.computerId, log, stateFolder);
  const panel = preparePanel({ stateFolder, log, config, cwd, computerId: proxy.computerId });
  const { computerId: defaultComputerId, products, externalMasters, web } = proxy;
  const settings = { defaultComputerId, products, externalMasters, web, peerCheck, panel };
  const server = createProxyServer({ store, log, ...settings });
  try {
    await applySoftwareRoot(store, proxy.localSoftwareReleaseRoot, isFile, log);
    const address = await listen(server, proxy);
    const shown = redactDatabaseUri(proxy.databaseUri);
    log.info(`Proxy of ${proxy.computerId} listens on ${address} with ${shown}`, {
      event: 'proxy.started',
      address,
    });
    panel.announce(address);
    await aborted(signal);
    log.info('Stopping the proxy.', { event: 'proxy.stopping' });
  } finally {
    await server.close();
  }
  return 0;
};

/** Nobody has to say who he is. */
function warnOpen(host: string, log: Logger): void {
  log.warning(`Whoever can reach ${host} may do everything: the proxy asks nobody who he is.`, {
    event: 'proxy.open_to_network',
    host,
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function listen(server: ProxyServer, { host, port }: ProxyOptions): Promise<string> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    const reason = errorCode(cause) === 'EADDRINUSE' ? 'already in use' : errorMessage(cause);
    throw new SlaposError(
      'SLAPOS_ERR_LISTEN',
      `Cannot listen on ${host} port ${port}: ${reason}.`,
      {
        cause,
        hint: 'Choose another host or port in section [slapproxy].',
      },
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
