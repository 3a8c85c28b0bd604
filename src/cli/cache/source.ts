/** `cachelookup url` and `cachelookup pypi` show a table of the source cache's entries. */
import { makeJsonPrintable, printableName } from '../../log/printable.ts';
import { redactText } from '../../log/redact.ts';
import { parseSourceEntry, type SourceEntry } from '../../networkcache/entry.ts';
import { isSigned } from '../../networkcache/signature.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { renderTable } from '../table.ts';
import { type Lookup, lookUp, NOTHING_FOUND } from './lookup.ts';

export interface SourceQuery {
  readonly key: string;
  /** Where an entry has its name, and the title of its column. */
  readonly nameKey: 'url' | 'basename';
  /** The line that says what was looked for. */
  readonly heading: string;
  /** What is told when nothing comes from the server. */
  readonly failed: string;
  /** What was asked for, in the JSON document. */
  readonly asked: Readonly<Record<string, string>>;
}

interface File extends SourceEntry {
  readonly isVerified: boolean;
}

/** Asks the source cache and shows its answer. @returns the exit status. */
export async function showSource(context: CommandContext, query: SourceQuery): Promise<number> {
  const found = await lookUp(context, 'source', query.key, {
    notFound: 'Object not found in cache.',
    refused: 'Problem to connect to shacache.',
    isRefusalCritical: false,
    failed: query.failed,
  });
  if (found === undefined) return NOTHING_FOUND;
  const shadirUrl = `${found.dirUrl}/${query.key}`;
  const files = listFiles(found, query);
  if (context.options['format'] === 'json') {
    context.output.line(renderJson(query, shadirUrl, files));
  } else tell(context, query, shadirUrl, files);
  return EXIT.ok;
}

function listFiles({ entries, trustedKeys }: Lookup, { nameKey }: SourceQuery): File[] {
  return entries.flatMap(({ signature, text }) => {
    const entry = parseSourceEntry(text, nameKey);
    if (entry === undefined) return [];
    return { ...entry, isVerified: isSigned(text, signature, trustedKeys) };
  });
}

function tell(
  { log, output }: CommandContext,
  { heading, nameKey }: SourceQuery,
  shadirUrl: string,
  files: readonly File[],
): void {
  if (files.length === 0) {
    log.info('Object found in cache, but has no entry.');
    return;
  }
  log.info(heading);
  log.info(`SHADIR URL: ${shadirUrl}\n`);
  const rows = files.map(({ isVerified, name, sha512 }) => [
    ...[name, sha512].map(printableName),
    isVerified ? 'True' : 'False',
  ]);
  for (const line of renderTable([nameKey, 'sha512', 'signed'], rows)) output.line(line);
}

function renderJson(query: SourceQuery, shadirUrl: string, files: readonly File[]): string {
  return makeJsonPrintable(
    renderPythonJson({
      ...query.asked,
      shadir_url: redactText(shadirUrl),
      entries: files.map(({ isVerified, name, sha512 }) => ({
        [query.nameKey]: name,
        sha512,
        signed: isVerified,
      })),
    }),
  );
}
