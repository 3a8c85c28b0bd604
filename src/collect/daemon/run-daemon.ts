/**
 * `node collect --daemon`: samples at short intervals, serves what it knows, and writes the rows and
 * reports of `node collect` once a minute.
 */
import { errorMessage } from '../../errors/slapos-error.ts';
import type { ProcessReader } from '../../host/process/process-reader.ts';
import type { Logger } from '../../log/logger.ts';
import { quietLogger } from '../../log/quiet-logger.ts';
import { collectNow, type RunInput, withCollectLock } from '../run.ts';
import { DAEMON_SOCKET, daemonSocket } from './daemon-client.ts';
import { FailingPromises } from './failing-promises.ts';
import { LiveSampler, type LiveSamplerOptions } from './live-sampler.ts';
import type { CertificateExpiry } from './metrics.ts';
import { CollectServer, type ListenAddress } from './server.ts';

const MINUTE_MS = 60_000;
/** Certificates are valid for months, and parsing those of 500 partitions takes time. */
const CERTIFICATE_MINUTES = 60;

export interface DaemonInput extends RunInput {
  readonly intervalMs: number;
  readonly listen: ListenAddress | undefined;
  readonly reader: ProcessReader;
  readonly ownCost: LiveSamplerOptions['ownCost'];
  /** Looks at the certificates; absent on a node that has none. */
  readonly readExpiries?: () => Promise<readonly CertificateExpiry[]>;
}

/**
 * Runs until the signal is aborted. Resolves to 0, also when somebody else collects already.
 * @throws SlaposError SLAPOS_ERR_LISTEN
 */
export async function runDaemon(input: DaemonInput): Promise<number> {
  await withCollectLock(input, () => serve(input));
  return 0;
}

async function serve(input: DaemonInput): Promise<void> {
  const { settings, log, reader, listen } = input;
  input.host.releaseMemory();
  const cgroups = await input.host.openCgroups();
  const { users, taps } = settings;
  const sampler = new LiveSampler({ ...input, users, taps, cgroups });
  const server = new CollectServer(sampler);
  await sampler.readUsers();
  await sampler.sample();
  const reason = reader.reason === '' ? '' : ` (${reader.reason})`;
  log.info(`Sampling every ${input.intervalMs} ms through ${reader.kind}${reason}.`);
  if (listen !== undefined) await openServer(server, listen, log);
  const socket = await openSocket(input, server);
  const minutes = new Minutes(input, sampler);
  await minutes.readPromises();
  await minutes.readCertificates();
  try {
    await repeat(input, sampler, server, minutes);
  } finally {
    await minutes.done();
    socket?.remove();
    await server.close();
  }
}

/**
 * Serves root's programs of this node, which know where to find it. The lock says that no other
 * daemon is there.
 */
async function openSocket(
  { host, settings, log }: DaemonInput,
  server: CollectServer,
): Promise<{ remove(): void } | undefined> {
  const path = daemonSocket(settings.instanceRoot);
  try {
    const socket = await host.openSocket(settings.instanceRoot, DAEMON_SOCKET);
    await server.listenOn(socket.fd);
    log.debug(`Answering at ${path} too.`);
    return socket;
  } catch (error) {
    log.warning(
      `node top and the panel cannot reach the collector at ${path}: ${errorMessage(error)}`,
    );
    return undefined;
  }
}

async function openServer(
  server: CollectServer,
  listen: ListenAddress,
  log: Logger,
): Promise<void> {
  log.info(`Metrics on ${await server.listen(listen)}/metrics`);
  if (/^(127\.|::1$)/.test(listen.host)) return;
  log.warning(
    `Whoever reaches ${listen.host} port ${listen.port} can read what every partition consumes: nothing asks for a password.`,
  );
}

/** Samples at multiples of the interval; one that takes longer leaves the next ones out. */
async function repeat(
  { host, intervalMs, signal, log }: DaemonInput,
  sampler: LiveSampler,
  server: CollectServer,
  minutes: Minutes,
): Promise<void> {
  let nextMs = host.monotonicMs() + intervalMs;
  while (!signal.aborted) {
    await host.sleep(Math.max(0, nextMs - host.monotonicMs()), signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await sampler.sample();
      server.publish();
    } catch (error) {
      log.error(`Could not take a sample: ${errorMessage(error)}`);
    }
    minutes.tick();
    nextMs += intervalMs;
    while (nextMs <= host.monotonicMs()) {
      sampler.noteSkipped();
      nextMs += intervalMs;
    }
  }
}

/** What happens once a minute, beside the sampling and never twice at a time. */
class Minutes {
  readonly #input: DaemonInput;
  readonly #sampler: LiveSampler;
  #minute: number;
  #running: Promise<void> | undefined;
  readonly #smallFolders = new Map<string, number>();
  readonly #promises: FailingPromises;

  constructor(input: DaemonInput, sampler: LiveSampler) {
    this.#input = input;
    this.#sampler = sampler;
    const { host, settings } = input;
    const { instanceRoot } = settings;
    this.#promises = new FailingPromises({ host, instanceRoot, nowMs: () => host.nowMs() });
    this.#minute = Math.floor(input.host.nowMs() / MINUTE_MS);
  }

  tick(): void {
    const minute = Math.floor(this.#input.host.nowMs() / MINUTE_MS);
    if (minute === this.#minute || this.#running !== undefined) return;
    this.#minute = minute;
    this.#running = this.#collect().finally(() => {
      this.#running = undefined;
    });
  }

  /** Looks up which promises fail: their results are files of the partitions. */
  async readPromises(): Promise<void> {
    const paths = this.#input.settings.users.map(({ path }) => path);
    this.#sampler.noteFailingPromises(await this.#promises.count(paths));
  }

  async readCertificates(): Promise<void> {
    const { readExpiries, log } = this.#input;
    try {
      this.#sampler.noteCertificates((await readExpiries?.()) ?? []);
    } catch (error) {
      log.warning(`Could not look at the certificates: ${errorMessage(error)}`);
    }
  }

  /** Resolves when nothing is under way any more. */
  async done(): Promise<void> {
    await this.#running;
  }

  async #collect(): Promise<void> {
    const { host, reader, log, signal } = this.#input;
    const observeProcesses = (uids: readonly number[]) => reader.observe(uids);
    // What a run of cron tells its operator once would come every minute, for every partition.
    const quiet = quietLogger(log);
    try {
      await this.#sampler.readUsers();
      await this.readPromises();
      if (this.#minute % CERTIFICATE_MINUTES === 0) await this.readCertificates();
      await collectNow({
        ...this.#input,
        host: { ...host, observeProcesses },
        log: quiet,
        smallFolders: this.#smallFolders,
      });
    } catch (error) {
      if (!signal.aborted) log.error(`Could not collect: ${errorMessage(error)}`);
    }
    // Rows and reports leave twice as much behind as everything else takes, the samples kept apart.
    host.releaseMemory();
  }
}
