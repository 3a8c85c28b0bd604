/** `[firewall]`: what limits who reaches the partitions (spec/grid.md 2). */
import { splitShellWords } from '../model/shell-words.ts';
import type { Config } from './config.ts';
import { parseBoolean, splitLines, valueError } from './values.ts';

/** A program of the firewall that the supervisor runs. */
export interface FirewallProgram {
  readonly name: 'firewall' | 'dbus';
  /** Command line in the supervisor's language, but for `%`. */
  readonly command: string;
  readonly logFile: string;
  readonly priority: number;
}

export interface FirewallSettings {
  /** First words of every command that looks at rules or changes them. */
  readonly command: readonly [string, ...string[]];
  readonly reloadCommand: readonly [string, ...string[]];
  readonly authorizedSources: readonly string[];
  readonly programs: readonly FirewallProgram[];
}

const SECTION = 'firewall';

/**
 * The settings; undefined without the section, which turns the feature off.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE for a command that is none.
 */
export function readFirewallSettings(config: Config): FirewallSettings | undefined {
  if (!config.hasSection(SECTION)) return undefined;
  return {
    command: readCommand(config, 'firewall_cmd', 'firewall-cmd'),
    reloadCommand: readCommand(config, 'reload_config_cmd', 'slapos node restart firewall'),
    authorizedSources: splitLines(config.get(SECTION, 'authorized_sources') ?? ''),
    programs: readPrograms(config),
  };
}

function readCommand(config: Config, key: string, preset: string): readonly [string, ...string[]] {
  const text = config.get(SECTION, key) ?? preset;
  const wrong = (why: string) => {
    const hint = 'write a command with its arguments as a shell would take it';
    return valueError(config, SECTION, key, `'${text}' is no command: ${why}.`, hint);
  };
  let words: string[];
  try {
    words = splitShellWords(text);
  } catch (error) {
    throw wrong((error as SyntaxError).message.toLowerCase());
  }
  const [program, ...rest] = words;
  if (program === undefined || program === '') throw wrong('it is empty');
  return [program, ...rest];
}

function readPrograms(config: Config): readonly FirewallProgram[] {
  const text = (key: string) => config.get(SECTION, key) ?? '';
  const testing = text('testing');
  if (testing !== '' && (parseBoolean(testing) ?? true)) return [];
  const all = [
    {
      name: 'firewall' as const,
      command: readLine(config, 'firewall_executable'),
      logFile: readLine(config, 'log_file') || '/var/log/firewall.log',
      priority: 5,
    },
    {
      name: 'dbus' as const,
      command: readLine(config, 'dbus_executable'),
      logFile: readLine(config, 'dbus_log_file') || '/var/log/dbus.log',
      priority: 1,
    },
  ];
  return all.filter(({ command }) => command !== '');
}

/** A value that becomes a line of the supervisor's configuration. */
function readLine(config: Config, key: string): string {
  const value = (config.get(SECTION, key) ?? '').trim();
  if (!value.includes('\n')) return value;
  throw valueError(config, SECTION, key, `${key} has several lines.`, 'write one line');
}
