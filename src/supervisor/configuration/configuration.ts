/**
 * Reads a whole configuration: the main file and what it includes (spec/supervisor.md 2 and 11.9).
 * Only the main file can make a reading fail; an included file that is wrong keeps the groups that
 * it gave before and is reported. Files that share a section, or whose groups list programs of
 * each other, stand and fall together.
 */

import { errorMessage } from '../../errors/slapos-error.ts';
import { compareGroups } from '../group-diff.ts';
import {
  type ConfigurationFiles,
  diskFiles,
  findFiles,
  hereOf,
  IniCache,
} from './configuration-files.ts';
import { parseDaemon } from './daemon-section.ts';
import { parseEnvironment } from './environment.ts';
import { expand } from './expansion.ts';
import { FCGI_PREFIX } from './fcgi-section.ts';
import { type IniFile, IniSyntaxError, locateKey } from './ini.ts';
import {
  ConfigurationError,
  type DaemonConfig,
  type FileProblem,
  type GroupConfig,
  type SupervisorConfig,
} from './program-config.ts';
import {
  inSection,
  LocatedError,
  listedPrograms,
  parseGroup,
  parseListener,
  parseLoneProgram,
  type Section,
  type Surroundings,
} from './program-sections.ts';
import { ValueError } from './value-types.ts';

export interface ConfigurationPorts {
  readonly files: ConfigurationFiles;
  readonly env: Readonly<Record<string, string>>;
  readonly hostName: string;
  readonly cwd: string;
  readonly temporaryFolder: string;
  readonly users: {
    /** uid of a user by name or number. */
    findUid(user: string): number | undefined;
    /** Ids of `user` or `user:group`, by name or number. */
    findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined;
    /** A text that changes with the user database. */
    version(): string;
  };
  /** Keys of `[supervisord]` given on the command line: they win over the file. */
  readonly overrides?: ReadonlyMap<string, string>;
}

const PROGRAM_PREFIXES = ['program:', FCGI_PREFIX] as const;

interface Unit {
  readonly files: readonly IniFile[];
  readonly groups: readonly GroupConfig[];
}

type Sections = ReadonlyMap<string, Section>;

function mergeDefaults(files: readonly IniFile[]): ReadonlyMap<string, string> {
  return new Map(files.flatMap((file) => [...file.defaults]));
}

function mergeSections(
  files: readonly IniFile[],
  defaults: ReadonlyMap<string, string>,
  isWanted: (name: string) => boolean = () => true,
): Map<string, Section> {
  const merged = new Map<string, Section>();
  for (const file of files) {
    const here = hereOf(file.path);
    for (const [name, values] of file.sections) {
      if (!isWanted(name)) continue;
      const before = merged.get(name)?.values ?? defaults;
      merged.set(name, { name, file: file.path, here, values: new Map([...before, ...values]) });
    }
  }
  return merged;
}

/** Sections of groups and processes, which are read unit by unit. */
function isDaemonSection(name: string): boolean {
  return !/^(program|fcgi-program|eventlistener|group):/.test(name);
}

/** Files that must be read together, by what ties them: a shared section or a listed program. */
function connectFiles(files: readonly IniFile[], around: Surroundings): IniFile[][] {
  const leader = files.map((_, index) => index);
  const find = (index: number): number =>
    leader[index] === index ? index : find(leader[index] as number);
  const owner = new Map<string, number>();
  const tie = (name: string, index: number) => {
    const first = owner.get(name);
    if (first === undefined) owner.set(name, index);
    else leader[find(index)] = find(first);
  };
  files.forEach((file, index) => {
    for (const [name, values] of file.sections) {
      tie(name, index);
      if (!name.startsWith('group:')) continue;
      for (const program of programsOf(name, values, file, around))
        for (const prefix of PROGRAM_PREFIXES) tie(`${prefix}${program}`, index);
    }
  });
  const units = new Map<number, IniFile[]>();
  files.forEach((file, index) => {
    const unit = units.get(find(index));
    if (unit === undefined) units.set(find(index), [file]);
    else unit.push(file);
  });
  return [...units.values()];
}

function programsOf(
  name: string,
  values: ReadonlyMap<string, string>,
  file: IniFile,
  around: Surroundings,
): string[] {
  try {
    return listedPrograms({ name, file: file.path, here: hereOf(file.path), values }, around);
  } catch {
    return []; // Reported when the unit is parsed.
  }
}

function parseGroups(sections: Sections, around: Surroundings): GroupConfig[] {
  const programs = new Map<string, Section>();
  for (const section of sections.values()) {
    const prefix = PROGRAM_PREFIXES.find((each) => section.name.startsWith(each));
    if (prefix !== undefined) programs.set(section.name.slice(prefix.length).trim(), section);
  }
  const groups: GroupConfig[] = [];
  const listed = new Set<string>();
  for (const section of sections.values()) {
    if (!section.name.startsWith('group:')) continue;
    groups.push(inSection(section, () => parseGroup(section, programs, around)));
    for (const program of listedPrograms(section, around)) listed.add(program);
  }
  for (const [name, section] of programs) {
    if (!listed.has(name)) groups.push(inSection(section, () => parseLoneProgram(section, around)));
  }
  for (const section of sections.values()) {
    if (!section.name.startsWith('eventlistener:')) continue;
    groups.push(inSection(section, () => parseListener(section, around)));
  }
  return groups;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error;
}

const NO_PLACE = { line: 0, section: '', key: '' } as const;

/** Reads the same configuration again and again, parsing only what changed. */
export class ConfigurationReader {
  readonly #path: string;
  readonly #ports: ConfigurationPorts;
  readonly #cache: IniCache;
  #units = new Map<string, Unit & { readonly key: string }>();
  #groupsByFile = new Map<string, readonly GroupConfig[]>();

  constructor(path: string, ports: ConfigurationPorts) {
    this.#path = path;
    this.#ports = ports;
    this.#cache = new IniCache(ports.files ?? diskFiles);
  }

  /**
   * @throws ConfigurationError when the main file, or what is tied to it, is wrong, and when it cannot
   *   be known what there is
   */
  read(): SupervisorConfig {
    try {
      return this.#read();
    } catch (error) {
      throw isSystemError(error) ? new ConfigurationError(error.message) : error;
    }
  }

  #read(): SupervisorConfig {
    const errors: FileProblem[] = [];
    const warnings: string[] = [];
    const main = this.#loadMain();
    const files = [main, ...this.#loadIncluded(main, errors, warnings)];
    this.#cache.keepOnly(new Set([...files.map(({ path }) => path)]));
    const defaults = mergeDefaults(files);
    const sections = mergeSections(files, defaults, isDaemonSection);
    const around = this.#surroundings(sections);
    const groups = this.#readUnits(files, defaults, around, errors);
    for (const { file } of errors) {
      if (!files.some(({ path }) => path === file)) groups.push(...this.#previous([file]));
    }
    const daemon = this.#readDaemon(sections, around);
    warnings.push(...listIgnored(sections));
    return { path: this.#path, daemon, groups: unique(groups), errors, warnings };
  }

  #readDaemon(sections: Map<string, Section>, { expansions }: Surroundings): DaemonConfig {
    const { users, overrides } = this.#ports;
    const section = sections.get('supervisord');
    if (section !== undefined && overrides !== undefined) {
      const values = new Map([...section.values, ...overrides]);
      sections.set('supervisord', { ...section, values });
    }
    const findOwner = (text: string) => users.findOwner(text);
    return parseDaemon(sections, { ...this.#ports, expansions, findOwner });
  }

  #loadMain(): IniFile {
    if (this.#ports.files.version(this.#path) === undefined) {
      throw new ConfigurationError(`could not find config file ${this.#path}`);
    }
    try {
      return this.#cache.load(this.#path);
    } catch (error) {
      throw new ConfigurationError(errorMessage(error));
    }
  }

  #loadIncluded(main: IniFile, errors: FileProblem[], warnings: string[]): IniFile[] {
    const found: IniFile[] = [];
    for (const pattern of this.#includePatterns(main)) {
      const before = found.length + errors.length;
      for (const path of findFiles(pattern, hereOf(main.path), this.#ports.files)) {
        try {
          const file = this.#cache.loadIfPresent(path);
          if (file !== undefined) found.push(file);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          errors.push({
            ...NO_PLACE,
            file: path,
            message: error instanceof IniSyntaxError ? message : `${path}: ${message}`,
          });
        }
      }
      if (found.length + errors.length === before) {
        warnings.push(`No file matches via include "${pattern}"`);
      }
    }
    return found;
  }

  #includePatterns(main: IniFile): string[] {
    const section = main.sections.get('include');
    if (section === undefined) return [];
    const files = section.get('files');
    if (files === undefined) {
      throw new ConfigurationError('.ini file has [include] section, but no files setting');
    }
    const names = this.#baseExpansions().set('here', hereOf(main.path));
    try {
      return expand(files, names, 'include.files')
        .split(/\s+/)
        .filter((word) => word !== '');
    } catch (error) {
      throw new ConfigurationError((error as Error).message);
    }
  }

  #baseExpansions(): Map<string, string | number> {
    const names = new Map<string, string | number>([['host_node_name', this.#ports.hostName]]);
    for (const [key, value] of Object.entries(this.#ports.env)) names.set(`ENV_${key}`, value);
    return names;
  }

  #surroundings(sections: Sections): Surroundings {
    const expansions = this.#baseExpansions();
    const environment = this.#commonEnvironment(sections, expansions);
    for (const [key, value] of environment) expansions.set(`ENV_${key}`, value);
    const { users, files } = this.#ports;
    return {
      expansions,
      environment,
      findUid: (user) => users.findUid(user),
      findOwner: (text) => users.findOwner(text),
      isDirectory: (path) => files.isDirectory(path),
    };
  }

  /** `[supervisord] environment`. */
  #commonEnvironment(
    sections: Sections,
    expansions: ReadonlyMap<string, string | number>,
  ): ReadonlyMap<string, string> {
    const section = sections.get('supervisord');
    const text = section?.values.get('environment');
    if (section === undefined || text === undefined) return new Map();
    const names = new Map(expansions).set('here', section.here);
    try {
      return inSection(section, () =>
        parseEnvironment(expand(text, names, 'supervisord.environment')),
      );
    } catch (error) {
      throw new ConfigurationError((error as Error).message);
    }
  }

  #readUnits(
    files: readonly IniFile[],
    defaults: ReadonlyMap<string, string>,
    around: Surroundings,
    errors: FileProblem[],
  ): GroupConfig[] {
    const key = JSON.stringify([
      [...defaults],
      [...around.expansions],
      [...around.environment],
      this.#ports.users.version(),
    ]);
    const before = this.#units;
    this.#units = new Map();
    return connectFiles(files, around).flatMap((unit) => {
      const id = unit.map(({ path }) => path).join('\0');
      const known = before.get(id);
      if (known?.key === key && known.files.every((file, index) => file === unit[index])) {
        this.#units.set(id, known);
        return known.groups;
      }
      return this.#readUnit(id, key, unit, mergeSections(unit, defaults), around, errors);
    });
  }

  #readUnit(
    id: string,
    key: string,
    files: readonly IniFile[],
    sections: Sections,
    around: Surroundings,
    errors: FileProblem[],
  ): readonly GroupConfig[] {
    try {
      const groups = parseGroups(sections, around);
      this.#units.set(id, { key, files, groups });
      for (const { path } of files) this.#groupsByFile.set(path, groups);
      return groups;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      if (files.some(({ path }) => path === this.#path))
        throw new ConfigurationError(error.message);
      const place = this.#locate(error);
      for (const { path } of files) errors.push({ ...place, file: path });
      return this.#previous(files.map(({ path }) => path));
    }
  }

  /** Section, key and line that an error is about; the line is in the file that the message names. */
  #locate(error: ValueError): Omit<FileProblem, 'file'> {
    if (!(error instanceof LocatedError)) return { ...NO_PLACE, message: error.message };
    const { section, key } = error;
    const line = locateKey(this.#ports.files.read(section.file), section.name, key);
    const about = `line ${line}${key === undefined ? '' : `, key ${key}`}`;
    return { message: `${error.message}, ${about}`, line, section: section.name, key: key ?? '' };
  }

  /** Groups that these files gave when they were last right. */
  #previous(paths: readonly string[]): GroupConfig[] {
    return paths.flatMap((path) => this.#groupsByFile.get(path) ?? []);
  }
}

const DEFAULT_HANDLER = 'supervisor.dispatchers:default_handler';

/** What supervisord would run as Python and this daemon cannot, said once per reading. */
function listIgnored(sections: Sections): string[] {
  return [...sections.values()].flatMap(({ name, values }) => {
    const handler = values.get('result_handler') ?? DEFAULT_HANDLER;
    if (!name.startsWith('eventlistener:') || handler === DEFAULT_HANDLER) return [];
    return [`[${name}] result_handler ${handler} is not run: a result other than OK is a refusal`];
  });
}

/** One group per name, the first one given, in starting order. */
function unique(groups: readonly GroupConfig[]): GroupConfig[] {
  const byName = new Map<string, GroupConfig>();
  for (const group of groups) if (!byName.has(group.name)) byName.set(group.name, group);
  return [...byName.values()].sort(compareGroups);
}
