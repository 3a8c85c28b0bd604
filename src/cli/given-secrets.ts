/** Tokens and passwords that a command line, its files or the environment give. */
import { readBounded } from '../config/read.ts';
import { errorMessage, UsageError } from '../errors/slapos-error.ts';
import { parseToken } from '../register/web-request.ts';
import type { CommandContext, OptionValue } from './command.ts';

/** Far more than any has, and less than any server takes as a header. */
const MAX_SECRET_BYTES = 4096;

/** Each file is read when it is asked for first; what was given is read the same again. */
export interface GivenSecrets {
  /**
   * `--token`, else its file, else `$SLAPOS_TOKEN`; undefined: it is to be asked for.
   * @throws UsageError SLAPOS_ERR_USAGE for what cannot be read or is no token
   */
  token(): string | undefined;
  /** `--password`, else its file, else `$SLAPOS_PASSWORD`; as {@link token}. */
  password(): string | undefined;
}

export function openGivenSecrets({
  options,
  env,
}: Pick<CommandContext, 'options' | 'env'>): GivenSecrets {
  const mayRead = (file: string | undefined): file is string =>
    // A dry run leaves standard input to who waits at it.
    file !== undefined && !(file === '-' && options['dry_run'] === true);
  return {
    token: once(() => {
      const given = textOf(options['token']);
      if (given === 'ask') return undefined;
      if (given !== undefined) return parseToken(given, 'The token');
      const file = textOf(options['token_file']);
      if (file === undefined) return optionalToken(env['SLAPOS_TOKEN']);
      return mayRead(file)
        ? parseToken(readSecret(file, 'token'), `The token in ${nameOf(file)}`)
        : undefined;
    }),
    password: once(() => {
      const given = textOf(options['password']);
      if (given !== undefined) return given;
      const file = textOf(options['password_file']);
      if (file === undefined) return env['SLAPOS_PASSWORD'] || undefined;
      return mayRead(file) ? expectPassword(readSecret(file, 'password'), file) : undefined;
    }),
  };
}

function once(read: () => string | undefined): () => string | undefined {
  let known: { readonly text: string | undefined } | undefined;
  return () => {
    known ??= { text: read() };
    return known.text;
  };
}

function optionalToken(text: string | undefined): string | undefined {
  return text ? parseToken(text, 'The token in $SLAPOS_TOKEN') : undefined;
}

/** A secret from a file, or from standard input for `-`. */
function readSecret(path: string, what: 'password' | 'token'): string {
  try {
    const bytes = readBounded(path === '-' ? 0 : path, MAX_SECRET_BYTES);
    return new TextDecoder().decode(bytes).trim();
  } catch (cause) {
    const reason = cause instanceof RangeError ? `it is ${cause.message}` : errorMessage(cause);
    const message = `The ${what} in ${nameOf(path)} cannot be read: ${reason}.`;
    throw new UsageError('SLAPOS_ERR_USAGE', message, { cause, exitCode: 1 });
  }
}

function expectPassword(password: string, path: string): string {
  if (password !== '') return password;
  throw new UsageError('SLAPOS_ERR_USAGE', `The password in ${nameOf(path)} is empty.`, {
    exitCode: 1,
  });
}

function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}

export function textOf(value: OptionValue | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
