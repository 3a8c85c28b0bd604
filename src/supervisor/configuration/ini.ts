/**
 * The INI syntax of supervisord (spec/supervisor.md 2.1): keys in lower case, sections that occur
 * twice merge, continuation lines, comments at the end of a line after white space.
 */

/** One file as it stands, nothing expanded. */
export interface IniFile {
  readonly path: string;
  /** Sections in file order, without DEFAULT. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly defaults: ReadonlyMap<string, string>;
}

/** A file that breaks the syntax; the message names the file and the lines. */
export class IniSyntaxError extends Error {
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.name = 'IniSyntaxError';
    this.file = file;
  }
}

const SECTION = /^\[(.+)\]/;
const OPTION = /^(.*?)\s*[=:]\s*(.*)$/s;

/** Where the comment of a line starts, or -1. */
function findComment(line: string): number {
  if (/^\s*[#;]/.test(line)) return 0;
  const match = /(?<=\s)[#;]/.exec(line);
  return match === null ? -1 : match.index;
}

interface ReaderState {
  section: Map<string, string[]> | undefined;
  option: string[] | undefined;
  indent: number;
}

type RawSections = Map<string, Map<string, string[]>>;

function openSection(name: string, sections: RawSections, state: ReaderState): void {
  const existing = sections.get(name);
  state.section = existing ?? new Map<string, string[]>();
  if (existing === undefined) sections.set(name, state.section);
  state.option = undefined;
}

/** Reads `key = value` into the open section; false when the line is neither. */
function readOption(value: string, section: Map<string, string[]>, state: ReaderState): boolean {
  const match = OPTION.exec(value);
  const key = match?.[1]?.trim().toLowerCase() ?? '';
  if (match === null || key === '') return false;
  state.option = [match[2]?.trim() ?? ''];
  section.set(key, state.option);
  return true;
}

function finish(section: ReadonlyMap<string, readonly string[]>): Map<string, string> {
  return new Map([...section].map(([key, lines]) => [key, lines.join('\n').trimEnd()]));
}

function readLines(path: string, text: string, sections: RawSections): string[] {
  const problems: string[] = [];
  const state: ReaderState = { section: undefined, option: undefined, indent: 0 };
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const comment = findComment(line);
    const value = (comment < 0 ? line : line.slice(0, comment)).trim();
    if (value === '') {
      if (comment < 0) state.option?.push('');
      continue;
    }
    const indent = line.search(/\S/);
    if (state.option !== undefined && indent > state.indent) {
      state.option.push(value);
      continue;
    }
    state.indent = indent;
    const header = SECTION.exec(value)?.[1];
    if (header !== undefined) openSection(header, sections, state);
    else if (state.section === undefined) {
      throw new IniSyntaxError(
        path,
        `File contains no section headers.\nfile: '${path}', line: ${index + 1}\n${quote(`${line}\n`)}`,
      );
    } else if (!readOption(value, state.section, state)) {
      problems.push(`\t[line ${String(index + 1).padStart(2)}]: ${quote(`${line}\n`)}`);
    }
  }
  return problems;
}

/** Line of a key, the last one that counts, or of the section when it has no such key; 0 for none. */
export function locateKey(text: string, section: string, key: string | undefined): number {
  let current = '';
  let found = 0;
  let isKeyFound = false;
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const header = SECTION.exec(line)?.[1];
    if (header !== undefined) current = header;
    if (current !== section) continue;
    const name = /^([^=:]*?)\s*[=:]/.exec(line)?.[1]?.trim().toLowerCase();
    const isKey = header === undefined && key !== undefined && name === key;
    if (isKey || (header !== undefined && !isKeyFound)) found = index + 1;
    isKeyFound ||= isKey;
  }
  return found;
}

/** A text as Python's repr() shows it, for messages that callers compare. */
export function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `${mark}${mark === "'" ? escaped.replaceAll("'", "\\'") : escaped}${mark}`;
}

/**
 * Parses one file.
 * @throws IniSyntaxError naming every line that is neither section, key nor continuation.
 */
export function parseIni(path: string, text: string): IniFile {
  const raw: RawSections = new Map();
  const problems = readLines(path, text, raw);
  if (problems.length > 0) {
    throw new IniSyntaxError(
      path,
      `Source contains parsing errors: ${quote(path)}\n${problems.join('\n')}`,
    );
  }
  const defaults = finish(raw.get('DEFAULT') ?? new Map());
  raw.delete('DEFAULT');
  const sections = new Map([...raw].map(([name, section]) => [name, finish(section)]));
  return { path, sections, defaults };
}
