/** Which configuration file a command reads (spec/cli.md 3.1). */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigChoice {
  readonly family: 'node' | 'client';
  /** Value of `--cfg`. */
  readonly option: string | undefined;
  readonly env: Environment;
  readonly homeOf: HomeOf;
}

const FAMILIES = {
  node: { variable: 'SLAPOS_CONFIGURATION', preset: '/etc/opt/slapos/slapos.cfg' },
  client: {
    variable: 'SLAPOS_CLIENT_CONFIGURATION',
    preset: '~/.slapos/slapos-client.cfg',
  },
} as const;

/** Name that the documentation of 1.2.4.1 gave to the client's file. */
const OLD_CLIENT_FILE = '~/.slapos/slapos.cfg';

/** Home of a user by name; undefined when there is no such user. */
export type HomeOf = (user: string) => string | undefined;

/** Replaces `~` and `~user` at the start of a path; an unknown user stays as it is. */
export function expandUser(path: string, env: Environment, homeOf: HomeOf): string {
  const match = /^~([^/]*)(.*)$/s.exec(path);
  if (match === null) return path;
  const [, user, rest] = match;
  const home = user === '' ? env['HOME'] || homedir() : homeOf(user as string);
  if (home === undefined) return path;
  return home.replace(/(?<!\/)\/+$/, '') + rest || '/';
}

/** The path by option, environment variable and default, in this order, `~` expanded. */
export function chooseConfigPath({ family, option, env, homeOf }: ConfigChoice): string {
  const { variable, preset } = FAMILIES[family];
  const asked = option ?? env[variable];
  if (asked !== undefined) return expandUser(asked, env, homeOf);
  const path = expandUser(preset, env, homeOf);
  if (family === 'node' || existsSync(path)) return path;
  const older = expandUser(OLD_CLIENT_FILE, env, homeOf);
  return existsSync(older) ? older : path;
}
