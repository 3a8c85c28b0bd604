/**
 * A SlapOS Master with its web site over real TLS, written from spec/register.md 1 to 6: tokens of
 * one use, certificates of computers and persons from a real authority, and of the SLAP protocol what
 * a node without instances needs. It misbehaves where it is told to.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import { MarshalObject } from '../../src/slap/marshal-value.ts';
import { type KeyPair, TestAuthority, type Wish } from './test-authority.ts';

/** How the next answer of the account services goes wrong. */
export type Misbehaviour =
  | 'cut'
  | 'cut-in-key'
  | 'elsewhere'
  | 'false'
  | 'foreign-certificate'
  | 'expired-certificate'
  | 'future-certificate'
  | 'gone'
  | 'no-reference'
  | 'not-implemented'
  | 'other-key'
  | 'page'
  | 'silence'
  | 'slow'
  | 'trouble'
  | 'vanish';

export interface HeardRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Common name of the client's certificate; empty without one. */
  readonly peer: string;
}

export interface MasterOptions {
  /** What its own certificate is like. */
  readonly server?: Partial<Wish>;
  /** Certificates as the authority of newer Masters makes them: PEM only, no id in the name. */
  readonly isPlainCertificate?: boolean;
}

const DAY_MS = 86_400_000;

export class StandInMaster {
  readonly heard: HeardRequest[] = [];
  /** Connections, whatever was sent over them. */
  connections = 0;
  readonly authority: TestAuthority;
  readonly account = { login: 'joe', password: 'secret: word' };
  misbehaviour: Misbehaviour | undefined;
  /** The last pair that it gave. */
  given: KeyPair | undefined;
  /** Gives a new certificate while one is valid, as an authority may. */
  allowsOverlap = false;
  /** Gives no new certificate once the former is revoked. */
  isSilentAfterRevocation = false;
  readonly #options: MasterOptions;
  readonly #tokens = new Set<string>();
  /** Reference and valid certificate name, by title. */
  readonly #nodes = new Map<string, { reference: string; valid: string | undefined }>();
  #persons = 0;
  #certificates = 0;
  #server: Server | undefined;

  constructor(options: MasterOptions = {}, authority = new TestAuthority()) {
    this.#options = options;
    this.authority = authority;
  }

  /** @returns its address without a slash at the end */
  async listen(port = 0): Promise<string> {
    const own = {
      commonName: 'master',
      hosts: ['127.0.0.1', 'localhost'],
      ...this.#options.server,
    };
    const { key, certificate } = this.authority.issue(own);
    const tls = {
      key,
      cert: certificate,
      ca: this.authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    };
    const server = createServer(tls, (request, response) => void this.#serve(request, response));
    server.on('connection', () => {
      this.connections += 1;
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
  }

  /** A token that works once. */
  createToken(): string {
    const token = `token-${this.#tokens.size}-${Math.random().toString(36).slice(2)}`;
    this.#tokens.add(token);
    return token;
  }

  isTokenGood(token: string): boolean {
    return this.#tokens.has(token);
  }

  /** Requests that account services heard. */
  get asked(): readonly HeardRequest[] {
    return this.heard.filter(({ path }) => path.includes('/Person_'));
  }

  revoke(title: string): void {
    const node = this.#nodes.get(title);
    if (node !== undefined) node.valid = undefined;
  }

  /** Of the certificate that it takes of a computer. */
  validName(reference: string): string | undefined {
    return this.#node(reference)?.valid;
  }

  setValid(reference: string, name: string | undefined): void {
    const node = this.#node(reference);
    if (node !== undefined) node.valid = name;
  }

  #node(reference: string) {
    return [...this.#nodes.values()].find((node) => node.reference === reference);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { url = '/', method = 'GET', headers } = request;
    const socket = request.socket as TLSSocket;
    const peer = socket.authorized ? String(socket.getPeerCertificate().subject?.CN ?? '') : '';
    const heard = { method, path: url, headers, body: Buffer.concat(chunks).toString(), peer };
    this.heard.push(heard);
    const { pathname, searchParams } = new URL(url, 'https://master/');
    const fields = method === 'POST' ? new URLSearchParams(heard.body) : searchParams;
    if (pathname === '/') return this.#page(heard, response);
    if (pathname.includes('/Person_')) return this.#serveAccount(pathname, heard, fields, response);
    const answer = this.#slap(pathname.slice(1), fields, peer);
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.body);
  }

  #page({ headers }: HeardRequest, response: ServerResponse): void {
    const link = this.#isLoggedIn(headers) ? '<a href="logout">Logout</a>' : '<a>Login</a>';
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${link}</html>`);
  }

  #isLoggedIn({ authorization }: HeardRequest['headers']): boolean {
    const { login, password } = this.account;
    const pair = Buffer.from(`${login}:${password}`).toString('base64');
    return authorization === `Basic ${pair}`;
  }

  #serveAccount(
    pathname: string,
    heard: HeardRequest,
    fields: URLSearchParams,
    response: ServerResponse,
  ): void {
    const token = String(heard.headers['x-access-token'] ?? '');
    const isByToken = heard.method === 'POST' && this.#tokens.delete(token);
    const { misbehaviour } = this;
    if (!isByToken && !this.#isLoggedIn(heard.headers)) refuse(response, 403, 'Forbidden');
    else if (misbehaviour !== undefined && misbehaviour in BROKEN) {
      BROKEN[misbehaviour as keyof typeof BROKEN](response);
    } else if (pathname === '/Person_getCertificate') this.#answer(response, this.#issuePerson());
    else if (pathname !== '/Person_requestComputer') refuse(response, 404, 'Not Found');
    else this.#registerNode(fields.get('title') ?? '', response);
  }

  #registerNode(title: string, response: ServerResponse): void {
    const node = this.#nodes.get(title) ?? { reference: this.#newReference(), valid: undefined };
    if (node.valid === undefined) {
      this.#nodes.set(title, node);
      this.#answer(response, this.#issueNode(node));
    } else refuse(response, 500, "ValueError: ('Certificate still active.', 'x')");
  }

  #newReference(): string {
    return `COMP-${1234 + this.#nodes.size}`;
  }

  #issueNode(node: { reference: string; valid: string | undefined }): object {
    const { reference } = node;
    const name = this.#nextName(this.#options.isPlainCertificate ? '' : `-${reference}`);
    const pair = this.#issue(name);
    node.valid = name;
    const document = { ...pair, relative_url: `compute_node_module/${reference.slice(5)}` };
    return this.misbehaviour === 'no-reference' ? document : { ...document, reference };
  }

  #issuePerson(): object {
    this.#persons += 1;
    const name = this.#nextName('-PERS');
    return { ...this.#issue(name), id: `PERS-${this.#persons}`, common_name: name };
  }

  #nextName(suffix: string): string {
    this.#certificates += 1;
    return `CERTLOGIN-${this.#certificates}-x7${suffix}`;
  }

  #issue(commonName: string): KeyPair {
    const { misbehaviour } = this;
    const now = Date.now();
    const dates =
      misbehaviour === 'expired-certificate'
        ? { notBeforeMs: now - 9 * DAY_MS, notAfterMs: now - DAY_MS }
        : misbehaviour === 'future-certificate'
          ? { notBeforeMs: now + DAY_MS, notAfterMs: now + 9 * DAY_MS }
          : {};
    const name = misbehaviour === 'foreign-certificate' ? 'CERTLOGIN-1-x7-COMP-666' : commonName;
    const { key, certificate } = this.authority.issue({ commonName: name, ...dates });
    const other =
      misbehaviour === 'other-key' ? this.authority.issue({ commonName: 'x' }).key : key;
    const text = `Certificate:\n    Data:\n        Subject: C=FR, CN=${name}/emailAddress=a@b\n`;
    const isPlain = this.#options.isPlainCertificate === true;
    this.given = { key: other, certificate: isPlain ? certificate : text + certificate };
    return this.given;
  }

  #answer(response: ServerResponse, document: object): void {
    const body = JSON.stringify(document);
    const { misbehaviour } = this;
    if (misbehaviour === 'cut' || misbehaviour === 'cut-in-key') {
      const end = misbehaviour === 'cut' ? 20 : body.indexOf('PRIVATE KEY') + 40;
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': body.length,
      });
      response.write(body.slice(0, end), () => response.destroy());
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    if (misbehaviour !== 'slow') return void response.end(body);
    response.write(body.slice(0, 100));
  }

  /** The SLAP protocol, for computers that show a certificate that is valid. */
  #slap(
    name: string,
    fields: URLSearchParams,
    peer: string,
  ): { readonly status: number; readonly body: string } {
    const id = fields.get('computer_id') ?? '';
    const isPerson = peer.endsWith('-PERS');
    const node = [...this.#nodes.values()].find(({ valid }) => valid === peer);
    if (!isPerson && node === undefined) return { status: 403, body: 'Forbidden' };
    const asked = this.#node(id);
    if (name === 'loadComputerConfigurationFromXML') return { status: 200, body: '' };
    if (asked === undefined) return { status: 404, body: 'unknown' };
    if (name === 'generateComputerCertificate') return this.#generate(asked);
    if (name === 'revokeComputerCertificate') {
      if (asked.valid === undefined) return { status: 500, body: 'No certificate still active.' };
      asked.valid = undefined;
      return { status: 200, body: '' };
    }
    if (name === 'getComputerPartitionCertificate') {
      const partition = fields.get('computer_partition_id');
      const pair = this.authority.issue({ commonName: `CERTLOGIN-9-${id}-${partition}` });
      return { status: 200, body: encodeMarshal({ ...pair }) };
    }
    if (!name.startsWith('getFullComputerInformation')) return { status: 404, body: '' };
    const computer = new MarshalObject('Computer', [id], {
      _computer_id: id,
      _computer_partition_list: [],
      _software_release_list: [],
    });
    return { status: 200, body: encodeMarshal(computer) };
  }

  #generate(node: { reference: string; valid: string | undefined }) {
    if (node.valid !== undefined && !this.allowsOverlap) {
      return { status: 500, body: 'Certificate still active.' };
    }
    if (this.isSilentAfterRevocation) return { status: 503, body: 'out of order' };
    const { certificate, key } = this.#issueNode(node) as KeyPair;
    return { status: 200, body: encodeMarshal({ certificate, key }) };
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/html' }).end(`<html><p>${text}</p></html>`);
}

/** Answers that have nothing to do with what was asked; the token is used up all the same. */
const BROKEN = {
  elsewhere: (response: ServerResponse) =>
    void response.writeHead(302, { location: 'https://thief.example/steal' }).end(),
  false: (response: ServerResponse) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('false'),
  gone: (response: ServerResponse) => refuse(response, 410, 'Gone'),
  'not-implemented': (response: ServerResponse) => refuse(response, 500, 'NotImplementedError'),
  page: (response: ServerResponse) => refuse(response, 200, 'Please log in'),
  silence: () => {},
  trouble: (response: ServerResponse) => refuse(response, 500, 'boom'),
  vanish: (response: ServerResponse) => void response.destroy(),
} satisfies Partial<Record<Misbehaviour, (response: ServerResponse) => void>>;
