/**
 * The library for Node programs: upstream's objects (spec/slap-protocol.md 5) over either transport.
 * A property never asks the Master; a method that returns a promise asks it each time.
 */
import type { CallLimits } from './bounded-call.ts';
import { checkChoice, checkCount, checkText } from './call-parameters.ts';
import { expectId } from './call-values.ts';
import { ComputerPartition } from './computer-partition.ts';
import { openSlapConnection, type SlapConnection } from './connection.ts';
import { createJsonRpc, type JsonRpc } from './json-rpc.ts';
import { createJsonRpcMaster } from './json-rpc-master.ts';
import type { RetryPolicy } from './retry.ts';
import {
  openHateoasDirectory,
  openRpcDirectory,
  type ServiceDirectory,
  type ServiceInformation,
} from './services.ts';
import { createSlapClientOn, type SlapUserMaster } from './slap-client.ts';
import { Computer, OpenOrder, Supply } from './slap-objects.ts';

export type SlapTransport = 'xml' | 'json-rpc';

export interface SlapOptions {
  /** Address of the Master, or with `json-rpc` that of its JSON-RPC service. */
  readonly masterUrl: string;
  /** Default `xml`, as nodes. */
  readonly transport?: SlapTransport | undefined;
  /** Address of the HATEOAS API, where the Master does not tell it. */
  readonly masterRestUrl?: string | undefined;
  /** PEM files of the client certificate. */
  readonly keyFile?: string | undefined;
  readonly certFile?: string | undefined;
  /** PEM file of the authorities to trust instead of those of Node and of the system. */
  readonly caFile?: string | undefined;
  /** Only false accepts any certificate of the server. */
  readonly isTlsVerified?: boolean | undefined;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest silence of the Master. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Longest time of a call with its retries. Default 300,000. */
  readonly totalTimeoutMs?: number | undefined;
  /** Of calls that only read. Default: 2 after 250 ms to 10 s. */
  readonly retries?: Partial<RetryPolicy> | undefined;
}

const TRANSPORTS: readonly SlapTransport[] = ['xml', 'json-rpc'];
const RETRIES: RetryPolicy = { maxRetries: 2, minDelayMs: 250, maxDelayMs: 10_000 };

/** Typed, so that none is forgotten here. */
const OPTIONS: Readonly<Record<keyof SlapOptions, true>> = {
  masterUrl: true,
  transport: true,
  masterRestUrl: true,
  keyFile: true,
  certFile: true,
  caFile: true,
  isTlsVerified: true,
  connectTimeoutMs: true,
  timeoutMs: true,
  totalTimeoutMs: true,
  retries: true,
};

type Times = Pick<SlapOptions, 'connectTimeoutMs' | 'timeoutMs' | 'totalTimeoutMs'>;

function checkTimes({ connectTimeoutMs, timeoutMs, totalTimeoutMs }: Times): Times {
  return {
    connectTimeoutMs: checkCount(connectTimeoutMs ?? 10_000, 'connectTimeoutMs'),
    timeoutMs: checkCount(timeoutMs ?? 60_000, 'timeoutMs'),
    totalTimeoutMs: checkCount(totalTimeoutMs ?? 300_000, 'totalTimeoutMs'),
  };
}

function checkRetries(retries: Partial<RetryPolicy> = {}): RetryPolicy {
  const { maxRetries, minDelayMs, maxDelayMs } = retries;
  return {
    maxRetries: checkCount(maxRetries ?? RETRIES.maxRetries, 'maxRetries'),
    minDelayMs: checkCount(minDelayMs ?? RETRIES.minDelayMs, 'minDelayMs'),
    maxDelayMs: checkCount(maxDelayMs ?? RETRIES.maxDelayMs, 'maxDelayMs'),
  };
}

/** A connection to a SlapOS Master; nothing is sent before a method asks for something. */
export class Slap {
  readonly masterUrl: string;
  readonly transport: SlapTransport;
  /** The JSON-RPC API itself, whatever the transport of the objects. */
  readonly rpc: JsonRpc;
  readonly #connection: SlapConnection;
  readonly #restUrl: string | undefined;

  /**
   * @throws UsageError SLAPOS_ERR_USAGE for a wrong option, ConfigError SLAPOS_ERR_CONFIG_VALUE
   *   for an address that is none.
   */
  constructor(options: SlapOptions) {
    // JavaScript has no types: a misspelt option would silently count for nothing.
    for (const name of Object.keys(options))
      checkChoice(name, Object.keys(OPTIONS), `option ${name}`);
    this.transport = checkChoice(options.transport ?? 'xml', TRANSPORTS, 'transport');
    const connection = openSlapConnection(
      {
        ...options,
        masterUrl: checkText(options.masterUrl, 'masterUrl'),
        isTlsVerified: options.isTlsVerified !== false,
        ...checkTimes(options),
        retries: checkRetries(options.retries),
      },
      () => import('./http-transport.ts'),
    );
    this.#connection = connection;
    this.#restUrl = options.masterRestUrl;
    this.masterUrl = connection.baseUrl.href;
    this.rpc = createJsonRpc(connection);
  }

  /** @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND for an empty id. */
  registerComputer(computerId: string): Computer {
    expectId(computerId, 'computer id');
    return new Computer(this.#open, computerId);
  }

  /** @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND for an empty id. */
  registerComputerPartition(computerId: string, partitionId: string): ComputerPartition {
    expectId(computerId, 'computer id');
    expectId(partitionId, 'partition id');
    return new ComputerPartition(this.#open, { computerId, partitionId });
  }

  registerSupply(): Supply {
    return new Supply(this.#open);
  }

  registerOpenOrder(): OpenOrder {
    return new OpenOrder(this.#open);
  }

  /** Software releases of a product, best first; none when it is unknown. */
  async getProductReleases(product: string, options?: CallLimits): Promise<string[]> {
    return this.#open(options).getProductReleases(checkText(product, 'product'));
  }

  /** Titles of the services (instance trees) of whoever the certificate names. */
  async listServices(options?: CallLimits): Promise<readonly string[]> {
    return this.#directory(options).listServices();
  }

  /** @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND when there is no service of this title. */
  async getService(title: string, options?: CallLimits): Promise<ServiceInformation> {
    return this.#directory(options).getService(checkText(title, 'title'));
  }

  /** Address of the HATEOAS API, or null where there is none. */
  async getHateoasUrl(options?: CallLimits): Promise<string | null> {
    return this.#open(options).getHateoasUrl();
  }

  /** Ends connections once their calls are answered. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Ends connections now: calls that are under way fail. */
  abort(): Promise<void> {
    return this.#connection.abort();
  }

  #directory(limits: CallLimits = {}): ServiceDirectory {
    return this.transport === 'xml'
      ? openHateoasDirectory(this.#open(limits), this.#restUrl)
      : openRpcDirectory(this.rpc, limits);
  }

  readonly #open = (limits: CallLimits = {}): SlapUserMaster => {
    const connection = this.#connection.within(limits);
    return this.transport === 'xml'
      ? createSlapClientOn(connection)
      : createJsonRpcMaster(connection);
  };
}
