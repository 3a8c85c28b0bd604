/**
 * The address of a PostgreSQL server, as libpq has it (PostgreSQL manual 34.1.1.2 and 34.1.2), with
 * the parameters that this program heeds. Pure.
 */
import { SlaposError } from '../../errors/slapos-error.ts';
import { boundedText } from '../../slap/bounded-text.ts';
import { redactDatabaseUri } from '../database-uri.ts';

export type SslMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';
const SSL_MODES: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full'];

export interface PostgresTarget {
  /** A name or address, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | undefined;
  /** In the format of `.pgpass`. */
  readonly passwordFile: string | undefined;
  /** The schema that holds the tables. */
  readonly schema: string;
  readonly sslMode: SslMode;
  readonly rootCertificateFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Connections at the same time. */
  readonly poolSize: number;
  readonly applicationName: string;
  /** Settings of the session, as `options` of libpq. */
  readonly options: string;
}

const URI =
  /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::([^/?#]*))?(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const SOCKET_FOLDER = '/var/run/postgresql';
const DEFAULT_PORT = 5432;
const DEFAULT_SCHEMA = 'slapos';
/** Folded by nobody, and short enough for the names that are made of it. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,40}$/;
const PARAMETERS = new Set([
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'passfile',
  'schema',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
  'statement_timeout',
  'pool_size',
  'application_name',
  'options',
]);

/**
 * @param findSystemUser gives the name of the user of this process, libpq's default; only asked
 *   where the address names none, since the uid of a container may have no name
 * @throws SlaposError SLAPOS_ERR_DATABASE for what is no such address. It does not tell the password.
 */
export function parsePostgresUri(
  databaseUri: string,
  findSystemUser: () => string,
): PostgresTarget {
  const parts = URI.exec(databaseUri);
  if (parts === null) throw wrong(databaseUri, 'it cannot be read');
  const [, login = '', authority = '', port = '', path = '', query = ''] = parts;
  const colon = login.indexOf(':');
  const text = new Texts(databaseUri, query);
  const user = text.of('user', colon < 0 ? login : login.slice(0, colon)) ?? findSystemUser();
  const host = text.of('host', authority.replace(/^\[(.*)\]$/, '$1')) ?? SOCKET_FOLDER;
  if (host.includes(',')) throw wrong(databaseUri, 'it names several hosts');
  return {
    host,
    user,
    port: text.number('port', port, DEFAULT_PORT, 65_535),
    database: text.of('dbname', path) ?? user,
    password: text.of('password', colon < 0 ? '' : login.slice(colon + 1)),
    passwordFile: text.of('passfile'),
    schema: text.matching('schema', SCHEMA) ?? DEFAULT_SCHEMA,
    ...text.trust(host),
    certificateFile: text.of('sslcert'),
    keyFile: text.of('sslkey'),
    connectTimeoutMs: 1000 * text.number('connect_timeout', '', 5, 600),
    statementTimeoutMs: text.number('statement_timeout', '', 20_000, 600_000),
    poolSize: text.number('pool_size', '', 10, 1000),
    applicationName: text.of('application_name') ?? 'slapos proxy',
    options: text.of('options') ?? '',
  };
}

/** The decoded parts; a parameter goes before what stands elsewhere in the address. */
class Texts {
  readonly #uri: string;
  readonly #parameters = new Map<string, string>();

  constructor(uri: string, query: string) {
    this.#uri = uri;
    for (const pair of query.split('&').filter((part) => part !== '')) {
      const [name = '', ...value] = pair.split('=');
      if (!PARAMETERS.has(name)) throw this.#unknown(name, query);
      this.#parameters.set(name, this.#decode(value.join('=')));
    }
  }

  /** Not by name where that may be a part of a password, whose `?` or `&` is not encoded. */
  #unknown(name: string, query: string): SlaposError {
    const isPlain = /^\w{1,30}$/.test(name) && !query.includes('@');
    if (isPlain && !this.#parameters.has('password')) {
      return wrong(this.#uri, `it has the unknown parameter ${name}`);
    }
    return wrong(this.#uri, 'it has an unknown parameter');
  }

  /** undefined when it is empty. */
  of(name: string, elsewhere = ''): string | undefined {
    return (this.#parameters.get(name) ?? this.#decode(elsewhere)) || undefined;
  }

  matching(name: string, pattern: RegExp): string | undefined {
    const value = this.of(name);
    if (value === undefined || pattern.test(value)) return value;
    throw wrong(this.#uri, `${name} does not match ${pattern.source}`);
  }

  number(name: string, elsewhere: string, preset: number, max: number): number {
    const value = this.of(name, elsewhere);
    if (value === undefined) return preset;
    const number = /^\d{1,6}$/.test(value) ? Number(value) : 0;
    if (number >= 1 && number <= max) return number;
    throw wrong(this.#uri, `its ${name} is not a number from 1 to ${max}`);
  }

  /**
   * As libpq has it (PostgreSQL manual 34.19.1 and table 34.1), but that what would go on without
   * encryption when that fails is not taken: authorities that are named are asked also with
   * `require`, and without one of its own `verify-ca` would take the certificate of anybody.
   */
  trust(host: string): Pick<PostgresTarget, 'sslMode' | 'rootCertificateFile'> {
    const value = this.of('sslmode') ?? (isLocal(host) ? 'disable' : 'verify-full');
    if (!SSL_MODES.includes(value)) {
      throw wrong(this.#uri, `its sslmode is not one of ${SSL_MODES.join(', ')}`);
    }
    const rootCertificateFile = this.of('sslrootcert');
    if (value === 'verify-ca' && rootCertificateFile === undefined) {
      throw wrong(this.#uri, 'sslmode=verify-ca proves nothing without sslrootcert', TRUST_HINT);
    }
    const isAsked = value === 'require' && rootCertificateFile !== undefined;
    return { sslMode: isAsked ? 'verify-ca' : (value as SslMode), rootCertificateFile };
  }

  #decode(text: string): string {
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrong(this.#uri, 'a % in it is not followed by two hexadecimal digits');
    }
  }
}

/** What is sent there does not leave the machine. */
export function isLocal(host: string): boolean {
  return host.startsWith('/') || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/i.test(host);
}

const HINT =
  'Write postgres://user@host:port/database?schema=slapos, with % and two digits for special characters of a password.';
const TRUST_HINT =
  'Name the authority of the server as sslrootcert, or write sslmode=verify-full, which compares the name too.';

function wrong(databaseUri: string, reason: string, hint = HINT): SlaposError {
  const shown = boundedText(redactDatabaseUri(databaseUri));
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${shown}: ${reason}.`, {
    hint,
    context: { database: shown },
  });
}
