/**
 * Parser of the dialect of slapos.cfg: what Python's `configparser.ConfigParser()` accepts with
 * its default settings (spec/cli.md 3.2), observed on Python 3.11. It must agree with Python on
 * any text; `test/unit/config/differential.test.ts` runs both.
 */
import type { ErrorCode } from '../errors/catalogue.ts';
import { ConfigError } from '../errors/slapos-error.ts';
import { indentOf, strip, stripEnd } from './whitespace.ts';

export const DEFAULT_SECTION = 'DEFAULT';

/** A value before interpolation, and where its key stands. */
export interface RawValue {
  readonly text: string;
  /** First line is 1. */
  readonly line: number;
}

export interface RawSection {
  readonly name: string;
  readonly line: number;
  readonly values: ReadonlyMap<string, RawValue>;
}

export interface RawFile {
  readonly path: string;
  readonly defaults: ReadonlyMap<string, RawValue>;
  /** In file order, without the defaults. */
  readonly sections: ReadonlyMap<string, RawSection>;
}

interface OpenValue {
  readonly lines: string[];
  readonly line: number;
}

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly values: Map<string, OpenValue>;
}

/** What is known after the lines read so far. */
interface State {
  readonly path: string;
  readonly defaults: OpenSection;
  readonly sections: Map<string, OpenSection>;
  section: OpenSection | undefined;
  value: OpenValue | undefined;
  /** Indentation of the last line that was not a continuation. */
  indent: number;
}

const SECTION = /^\[([^\n]+)\]/;

/** Python's representation of a text, near enough for a message. */
export function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return escaped.includes("'") && !escaped.includes('"')
    ? `"${escaped}"`
    : `'${escaped.replaceAll("'", "\\'")}'`;
}

function refuse(
  message: string,
  hint: string,
  context: { file: string; line: number; section?: string; key?: string },
): ConfigError {
  const code: ErrorCode = 'SLAPOS_ERR_CONFIG_SYNTAX';
  return new ConfigError(code, message, { hint, context });
}

function openSection(state: State, name: string, line: number): void {
  if (state.sections.has(name)) {
    throw refuse(
      `While reading from ${quote(state.path)} [line ${line}]: section ${quote(name)} already exists`,
      `merge it with the section of line ${state.sections.get(name)?.line}`,
      { file: state.path, line, section: name },
    );
  }
  state.section = name === DEFAULT_SECTION ? state.defaults : { name, line, values: new Map() };
  if (name !== DEFAULT_SECTION) state.sections.set(name, state.section);
  state.value = undefined;
}

function openValue(state: State, section: OpenSection, text: string, line: number): void {
  const delimiter = text.search(/[=:]/);
  const key = delimiter < 0 ? '' : stripEnd(text.slice(0, delimiter)).toLowerCase();
  const context = { file: state.path, line, section: section.name };
  if (key === '') {
    throw refuse(
      `Source contains parsing errors: ${quote(state.path)} [line ${line}]: ${quote(text)}`,
      'write key = value; indent the line when it continues the value above',
      context,
    );
  }
  const earlier = section.values.get(key);
  if (earlier !== undefined) {
    throw refuse(
      `While reading from ${quote(state.path)} [line ${line}]: option ${quote(key)} in section ${quote(section.name)} already exists`,
      `keep this one or the one of line ${earlier.line}`,
      { ...context, key },
    );
  }
  state.value = { lines: [strip(text.slice(delimiter + 1))], line };
  section.values.set(key, state.value);
}

function readLine(state: State, line: string, number: number): void {
  const text = strip(line);
  if (text.startsWith('#') || text.startsWith(';')) return;
  if (text === '') {
    state.value?.lines.push('');
    return;
  }
  const indent = indentOf(line);
  if (state.value !== undefined && indent > state.indent) {
    state.value.lines.push(text);
    return;
  }
  state.indent = indent;
  const header = SECTION.exec(text)?.[1];
  if (header !== undefined) {
    openSection(state, header, number);
  } else if (state.section === undefined) {
    const mark = line.startsWith('\ufeff') ? 'remove the byte order mark before it' : undefined;
    throw refuse(
      `File contains no section headers: ${quote(state.path)} [line ${number}]: ${quote(line)}`,
      mark ?? 'begin the file with [slapos]',
      { file: state.path, line: number },
    );
  } else {
    openValue(state, state.section, text, number);
  }
}

function closeValues(values: ReadonlyMap<string, OpenValue>): ReadonlyMap<string, RawValue> {
  return new Map(
    [...values].map(([key, { lines, line }]) => [key, { text: stripEnd(lines.join('\n')), line }]),
  );
}

/**
 * Parses the text of a configuration file.
 * @param path only for messages
 * @throws ConfigError SLAPOS_ERR_CONFIG_SYNTAX where Python refuses the file
 */
export function parseDialect(text: string, path: string): RawFile {
  const defaults: OpenSection = { name: DEFAULT_SECTION, line: 0, values: new Map() };
  const state: State = {
    path,
    defaults,
    sections: new Map(),
    section: undefined,
    value: undefined,
    indent: 0,
  };
  const lines = text.split(/\r\n|\r|\n/);
  for (const [index, line] of lines.entries()) {
    const isEnd = index === lines.length - 1 && line === '';
    if (!isEnd) readLine(state, line, index + 1);
  }
  const sections = [...state.sections.values()].map(
    ({ name, line, values }) => [name, { name, line, values: closeValues(values) }] as const,
  );
  return { path, defaults: closeValues(defaults.values), sections: new Map(sections) };
}
