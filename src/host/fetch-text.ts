/** A small HTTP GET without undici, which takes 100 ms to load. */
import type { IncomingMessage } from 'node:http';

const MAX_ANSWER_CHARACTERS = 64 * 1024;

/** @returns the body of a 200 answer; anything else rejects, and so does a long answer. */
export async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const isTls = url.startsWith('https:');
  const { get } = isTls ? await import('node:https') : await import('node:http');
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { signal }, resolve).on('error', reject);
  });
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new Error(`${url} answers ${answer.statusCode}`);
  }
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) {
    text += piece;
    if (text.length > MAX_ANSWER_CHARACTERS) throw new Error(`${url} answers too much`);
  }
  return text;
}
