/** `config show`: the configuration in effect, or the file as it is. */
import type { Config } from '../../config/config.ts';
import { type EffectiveValue, listEffectiveValues } from '../../config/effective.ts';
import { isPostgresUri, redactDatabaseUri } from '../../proxy/database-uri.ts';
import type { CommandContext } from '../command.ts';

/** A JSON object that keeps the order of its keys, whatever they look like. */
function encodeObject(entries: readonly (readonly [string, string])[], indent: string): string {
  if (entries.length === 0) return '{}';
  const lines = entries.map(([name, json]) => `${indent}  ${JSON.stringify(name)}: ${json}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/** What Python's `{section: dict(items)}` would be. */
export function renderRawJson(config: Config): string {
  const sections = config.sections().map((name) => {
    const items = [...config.items(name)].map(
      ([key, value]) => [key, JSON.stringify(value)] as const,
    );
    return [name, encodeObject(items, '  ')] as const;
  });
  return `${encodeObject(sections, '')}\n`;
}

/** A value in the dialect of the file: its lines after the first are indented. */
function renderPair(key: string, value: string, remark: string): string {
  const [first, ...rest] = value.split('\n');
  const head = `${key} =${first === '' ? '' : ` ${first}`}`;
  return `${remark === '' ? '' : `# ${remark}\n`}${head}\n${rest.map((line) => `  ${line}\n`).join('')}`;
}

function renderRawText(config: Config): string {
  return config
    .sections()
    .map((name) => {
      const pairs = [...config.items(name)].map(([key, value]) => renderPair(key, value, ''));
      return `[${name}]\n${pairs.join('')}`;
    })
    .join('\n');
}

function originOf(value: EffectiveValue): string {
  if (value.at === undefined) return value.origin;
  const { line, section, key } = value.at;
  const spelling = key === value.key ? '' : `, as ${key}`;
  const other = section === value.section ? '' : `, in [${section}]`;
  return `line ${line}${other}${spelling}`;
}

function bySection(values: readonly EffectiveValue[]): Map<string, EffectiveValue[]> {
  const sections = new Map<string, EffectiveValue[]>();
  for (const value of values) {
    sections.set(value.section, [...(sections.get(value.section) ?? []), value]);
  }
  return sections;
}

/** Values in effect as a file whose comments say where each comes from. */
export function renderEffectiveText(path: string, values: readonly EffectiveValue[]): string {
  const present = values.filter((value) => value.value !== undefined);
  const sections = [...bySection(present)]
    .map(([name, members]) => {
      const pairs = members.map((member) =>
        renderPair(member.key, member.value ?? '', originOf(member)),
      );
      return `\n[${name}]\n${pairs.join('')}`;
    })
    .join('');
  return `# Values in effect with ${path}\n${sections}`;
}

/** Values in effect as JSON: `{file, sections: {section: {key: {value, origin, …}}}}`. */
export function renderEffectiveJson(config: Config, values: readonly EffectiveValue[]): string {
  const sections = [...bySection(values)].map(([name, members]) => {
    const keys = members.map((member) => {
      const { value, origin, at } = member;
      return [member.key, JSON.stringify({ value: value ?? null, origin, ...at })] as const;
    });
    return [name, encodeObject(keys, '    ')] as const;
  });
  const parts = [
    ['file', JSON.stringify(config.path)],
    ['sections', encodeObject(sections, '  ')],
  ] as const;
  return `${encodeObject(parts, '')}\n`;
}

/** The file has it, and `--raw` shows the file. */
function withoutPassword(value: EffectiveValue): EffectiveValue {
  if (value.value === undefined) return value;
  const isDatabase = /^database[-_]uri$/.test(value.key) || isPostgresUri(value.value);
  return isDatabase ? { ...value, value: redactDatabaseUri(value.value) } : value;
}

function renderChosen(context: CommandContext): string {
  const { config, options } = context;
  const isJson = options['json'] === true;
  if (options['raw'] === true) return isJson ? renderRawJson(config) : renderRawText(config);
  const values = listEffectiveValues(config).map(withoutPassword);
  return isJson ? renderEffectiveJson(config, values) : renderEffectiveText(config.path, values);
}

export async function run(context: CommandContext): Promise<number> {
  const text = renderChosen(context);
  context.output.write(text);
  return 0;
}
