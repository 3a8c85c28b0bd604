/** Handler of `slapos node certificate show`. */
import { requireValue } from '../../config/values.ts';
import { isUsable, type KnownCertificate } from '../../pki/node-certificates.ts';
import { boundedText } from '../../slap/bounded-text.ts';
import type { CommandContext } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { renderTable } from '../table.ts';
import { readCertificates } from './certificate-paths.ts';

const DAY_MS = 86_400_000;
const TITLES = ['name', 'common name', 'valid from', 'valid until', 'days left', 'state'];

export async function run(context: CommandContext): Promise<number> {
  const { config, options, output } = context;
  const nowMs = Date.now();
  // Tells which key is missing, where one is.
  for (const key of ['cert_file', 'key_file']) requireValue(config, 'slapos', key);
  const known = await readCertificates(context);
  if (options['format'] === 'json') output.line(JSON.stringify(known.map(toJson), undefined, 2));
  else
    for (const line of renderTable(
      TITLES,
      known.map((one) => toRow(one, nowMs)),
    ))
      output.line(line);
  return known.every(({ state }) => isUsable(state)) ? EXIT.ok : EXIT.failure;
}

function toRow({ name, facts, state }: KnownCertificate, nowMs: number): string[] {
  if (facts === undefined) return [boundedText(name), '-', '-', '-', '-', state];
  const days = Math.floor((facts.notAfterMs - nowMs) / DAY_MS);
  const dates = [facts.notBeforeMs, facts.notAfterMs].map((ms) =>
    new Date(ms).toISOString().slice(0, 10),
  );
  return [boundedText(name), boundedText(facts.commonName), ...dates, String(days), state];
}

function toJson({ name, path, facts, state }: KnownCertificate): object {
  if (facts === undefined) return { name, path, state };
  const [notBefore, notAfter] = [facts.notBeforeMs, facts.notAfterMs].map((ms) =>
    new Date(ms).toISOString(),
  );
  const { commonName, subject, issuer } = facts;
  return { name, path, state, commonName, subject, issuer, notBefore, notAfter };
}
