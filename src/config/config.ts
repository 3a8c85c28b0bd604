/** Where a key stands, for messages. */
export interface ConfigLocation {
  readonly file: string;
  readonly line: number;
}

/**
 * A parsed configuration file in the dialect of Python's ConfigParser (spec/cli.md 3.2): keys are
 * lower-cased, sections are case-sensitive, `[DEFAULT]` is inherited, `%(key)s` is replaced.
 */
export interface Config {
  readonly path: string;
  /** Sections in file order, without DEFAULT. */
  sections(): readonly string[];
  hasSection(section: string): boolean;
  /**
   * The interpolated value, or undefined when section or key is missing.
   * @throws ConfigError SLAPOS_ERR_CONFIG_INTERPOLATION naming file, line, section and key.
   */
  get(section: string, key: string): string | undefined;
  /** All keys of a section with the defaults merged in, interpolated; empty when missing. */
  items(section: string): ReadonlyMap<string, string>;
  /** Where a key stands; undefined when it is missing. */
  locate(section: string, key: string): ConfigLocation | undefined;
}
