/** Reads the JSON documents of a software release, within bounds: they come from anywhere. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { HttpTransport } from './http-transport.ts';

/** How much is read for one command. */
export interface SchemaLimits {
  readonly documents: number;
  readonly bytes: number;
  /** For all documents together. */
  readonly timeoutMs: number;
}

export const SCHEMA_LIMITS: SchemaLimits = {
  documents: 100,
  bytes: 8 * 1024 * 1024,
  timeoutMs: 20_000,
};

const CHUNK_BYTES = 64 * 1024;

/** A document that could not be read; `isAbsent` when there is none at that address. */
export class SchemaDocumentError extends Error {
  readonly isAbsent: boolean;
  constructor(message: string, isAbsent: boolean, cause?: unknown) {
    super(message, { cause });
    this.isAbsent = isAbsent;
  }
}

/** The address of a document that is named by a URL or, with or without `file:`, by a path. */
export function documentUrl(name: string, folder: string): URL {
  if (/^(?:https?|file):/i.test(name)) return new URL(name);
  return pathToFileURL(isAbsolute(name) ? name : resolve(folder, name));
}

export class SchemaReader {
  readonly #limits: SchemaLimits;
  readonly #deadline: number;
  #transport: HttpTransport | undefined;
  #documents = 0;
  #bytes = 0;

  constructor(limits: SchemaLimits = SCHEMA_LIMITS) {
    this.#limits = limits;
    this.#deadline = performance.now() + limits.timeoutMs;
  }

  /**
   * Reads a document. Only documents of this machine may refer to other files of it.
   * @param from the document that refers to it
   * @throws SchemaDocumentError when it cannot be read, is no JSON or is over a limit.
   */
  async read(url: URL, from?: URL): Promise<unknown> {
    if (url.protocol === 'file:' && from !== undefined && from.protocol !== 'file:') {
      throw refused(`${from.href} may not refer to files of this machine`);
    }
    if (this.#documents >= this.#limits.documents) {
      throw refused(`more than ${this.#limits.documents} documents`);
    }
    this.#documents += 1;
    const bytes = await this.#readBytes(url);
    this.#bytes += bytes.length;
    if (this.#bytes > this.#limits.bytes) throw this.#tooLarge();
    return decodeJson(bytes);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#transport?.abort();
    this.#transport = undefined;
  }

  async #readBytes(url: URL): Promise<Uint8Array> {
    if (url.protocol === 'file:') return this.#readFile(url);
    if (url.protocol === 'http:' || url.protocol === 'https:') return this.#download(url);
    throw refused(`addresses that start with ${url.protocol} are not read`);
  }

  async #readFile(url: URL): Promise<Uint8Array> {
    let file: FileHandle | undefined;
    try {
      // A fifo without a writer would keep us waiting.
      file = await open(fileURLToPath(url), constants.O_RDONLY | constants.O_NONBLOCK);
      const status = await file.stat();
      if (!status.isFile()) throw refused('it is not a regular file');
      return await this.#readWhole(file);
    } catch (cause) {
      if (cause instanceof SchemaDocumentError) throw cause;
      const isAbsent = ['ENOENT', 'ENOTDIR'].includes(errorCode(cause));
      throw new SchemaDocumentError(errorMessage(cause), isAbsent, cause);
    } finally {
      await file?.close();
    }
  }

  /** Files of the kernel have no size until they are read. */
  async #readWhole(file: FileHandle): Promise<Uint8Array> {
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES));
      if (bytesRead === 0) return Buffer.concat(chunks, total);
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      if (total > this.#limits.bytes) throw this.#tooLarge();
    }
  }

  async #download(url: URL): Promise<Uint8Array> {
    try {
      const transport = await this.#openTransport();
      const answer = await this.#beforeDeadline(transport.request({ method: 'GET', url }));
      if (answer.status === 200) return answer.body;
      const isAbsent = answer.status === 404 || answer.status === 410;
      throw new SchemaDocumentError(`the server answers ${answer.status}`, isAbsent);
    } catch (cause) {
      if (cause instanceof SchemaDocumentError) throw cause;
      throw new SchemaDocumentError(describeFailure(cause), false, cause);
    }
  }

  async #openTransport(): Promise<HttpTransport> {
    const { openHttpTransport } = await import('./http-transport.ts');
    this.#transport ??= openHttpTransport({
      connectTimeoutMs: this.#limits.timeoutMs,
      timeoutMs: this.#limits.timeoutMs,
      keyFile: undefined,
      certFile: undefined,
      caFile: undefined,
      isTlsVerified: true,
      userAgent: 'slapos-node',
      maxAnswerBytes: this.#limits.bytes,
    });
    return this.#transport;
  }

  async #beforeDeadline<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      const seconds = this.#limits.timeoutMs / 1000;
      const late = () => reject(refused(`its documents did not arrive within ${seconds} s`));
      timer = setTimeout(late, Math.max(0, this.#deadline - performance.now()));
    });
    try {
      return await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLarge(): SchemaDocumentError {
    return refused(`more than ${this.#limits.bytes / 1024 / 1024} MiB`);
  }
}

function refused(reason: string): SchemaDocumentError {
  return new SchemaDocumentError(reason, false);
}

/** The transport is made for the Master and says so; the cause is what matters here. */
function describeFailure(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AggregateError) return cause.errors.map(errorMessage).join('; ');
  return errorMessage(cause ?? error);
}

function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SchemaDocumentError(`it is not JSON: ${errorMessage(cause)}`, false, cause);
  }
}
