/**
 * A server that answers the page of the panel out of a made-up world, with the headers of the real
 * one, below a path prefix. What it is asked to do it keeps, and refuses what a test tells it to.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import type { PanelOverview, PanelPartitionDetail, PanelProblem } from '../../src/panel/api.ts';
import {
  HOSTILE,
  makeInstanceDetail,
  makeOverview,
  makePartitionDetail,
  makeSeries,
  SCHEMA,
} from './panel-world.ts';

const PREFIX = '/some/where/panel/';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
/** Of the real server, without what its own address needs. */
const SECURITY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export interface Told {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export class PanelFixture {
  readonly told: Told[] = [];
  readonly asked: string[] = [];
  overview: PanelOverview;
  detail: PanelPartitionDetail = makePartitionDetail('slappart0');
  lines: string[] = Array.from(
    { length: 200 },
    (_, i) => `line ${i} of the log ${i === 197 ? HOSTILE : ''}`,
  );
  /** What every POST is answered, once set. */
  problem: (PanelProblem & { readonly status: number }) | undefined;
  isSignedOut = false;
  private readonly server: Server;
  private readonly streams = new Set<ServerResponse>();
  private port = 0;

  constructor(partitions: number) {
    this.overview = makeOverview(partitions);
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}${PREFIX}`;
  }

  get followers(): number {
    return this.streams.size;
  }

  /** On the same port after {@link stop}. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Tells every follower what changed. */
  publish(change: Partial<PanelOverview>): void {
    this.overview = { ...this.overview, ...change, takenAtMs: Date.now() };
    for (const stream of this.streams) this.send(stream);
  }

  private send(stream: ServerResponse): void {
    stream.write(`event: overview\ndata: ${JSON.stringify(this.overview)}\n\n`);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const path = url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length) : 'outside';
    this.asked.push(path);
    response.setHeader('content-security-policy', SECURITY);
    if (!path.startsWith('api/')) return this.sendFile(path, response);
    if (this.isSignedOut) return reply(response, 401, { problem: 'The panel needs its token.' });
    if (path === 'api/events') return this.follow(response);
    if (request.method !== 'POST')
      return reply(response, 200, this.read(path.slice(4), url.searchParams));
    let text = '';
    for await (const piece of request) text += piece;
    if (request.headers['x-slapos-panel'] !== '1')
      return reply(response, 403, { problem: 'no header' });
    this.told.push({ path: path.slice(4), body: JSON.parse(text) as Told['body'] });
    if (this.problem !== undefined) return reply(response, this.problem.status, this.problem);
    return reply(response, 200, this.overview.instances[0]);
  }

  private sendFile(path: string, response: ServerResponse): void {
    const name = path === '' ? 'index.html' : path;
    try {
      const content = readFileSync(join(packageRoot(), 'dist', 'panel', name));
      response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? '' }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  private follow(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    this.send(response);
  }

  private read(path: string, query: URLSearchParams): unknown {
    const of = (name: string) => query.get(name) ?? '';
    if (path === 'overview') return this.overview;
    if (path === 'partition') return this.detail;
    if (path === 'log') return { partition: of('partition'), name: of('name'), lines: this.lines };
    if (path === 'series') return makeSeries(of('partition'), Number(of('since')));
    if (path === 'schema') return this.schema(of('url'));
    const found = this.overview.instances.find(({ reference }) => reference === of('reference'));
    return found === undefined ? {} : makeInstanceDetail(found);
  }

  private schema(url: string): unknown {
    const hasSchema = url.includes('kvm');
    return {
      schema: hasSchema ? SCHEMA : null,
      serialisation: hasSchema ? 'json' : 'xml',
      softwareTypes: hasSchema ? ['default', 'cluster', HOSTILE] : [],
      reason: hasSchema ? '' : `${url}.json is not there`,
    };
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
