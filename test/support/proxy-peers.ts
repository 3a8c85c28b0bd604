/** The same requests to our proxy over HTTP and to upstream's slapproxy in a process of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { requestFields } from './proxy-fixture.ts';

const PROGRAM = join(import.meta.dirname, 'upstream-proxy.py');

/** Method, path, form or JSON or text of JSON, headers. */
export type Call = readonly [string, string, unknown, Readonly<Record<string, string>>];
/** Status, content type, location, body. */
export type Answer = readonly [number, string | null, string | null, string];

export const get = (path: string, query: Record<string, string> = {}): Call => {
  const text = new URLSearchParams(query).toString();
  return ['GET', `/${path}${text === '' ? '' : `?${text}`}`, null, {}];
};
export const post = (path: string, fields: Record<string, string> = {}): Call => [
  'POST',
  `/${path}`,
  fields,
  {},
];
export const rpc = (method: string, body: unknown = {}): Call => [
  'POST',
  `/slapos.${method}`,
  body,
  {},
];
export const ask = (
  title: string,
  fields: Parameters<typeof requestFields>[0] = {},
  headers: Record<string, string> = {},
): Call => [
  'POST',
  '/requestComputerPartition',
  requestFields({ partition_reference: title, ...fields }),
  headers,
];

/** In an answer without guid, which is a slave's: upstream does not tell its state. */
const SLAVE_STATE =
  /(class="SoftwareInstance">(?:(?!_instance_guid).)*?)<string>_requested_state<\/string><string>started<\/string>/s;

export async function askOurs(url: string, calls: readonly Call[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [method, path, body, headers] of calls) {
    const isRpc = path.startsWith('/slapos.');
    const type = isRpc ? 'application/json' : 'application/x-www-form-urlencoded';
    const sent = isRpc ? jsonText(body) : new URLSearchParams(body as Record<string, string>);
    const response = await fetch(url + path.slice(1), {
      method,
      redirect: 'manual',
      headers: method === 'POST' ? { 'content-type': type, ...headers } : headers,
      ...(method === 'POST' ? { body: String(sent) } : {}),
    });
    const { headers: got, status } = response;
    answers.push([status, got.get('content-type'), got.get('location'), await response.text()]);
  }
  return answers;
}

function jsonText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** @throws Error when upstream's program fails as a whole. */
export function askUpstream(python: string, database: string, calls: readonly Call[]): Answer[] {
  const input = JSON.stringify(calls);
  const run = spawnSync(python, [PROGRAM, database], { input, encoding: 'utf8', maxBuffer: 1e8 });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Answer[];
}

/** Without what differs from run to run, and the text of refusals, which people read. */
export function normalise([status, type, location, body]: Answer, url: string) {
  const own = (text: string) => text.replaceAll(url, 'http://localhost/');
  const isRpc = type?.startsWith('application/json') === true;
  const text = own(body)
    .replace(/"timestamp": ?\d{10}(\.\d+)?/g, '"timestamp":1')
    .replace(SLAVE_STATE, '$1')
    .replace(/\b\d{10}\.\d{1,7}\b/g, 'TIME')
    .replace(/"processing_timestamp": ?\d{10}/g, '"processing_timestamp":1');
  if (isRpc && status === 200) return { status, body: JSON.parse(text) as unknown };
  if (isRpc) return { status, body: (JSON.parse(text) as { type?: unknown }).type };
  if (status >= 300) return { status, location: location === null ? null : own(location) };
  return { status, body: text };
}
