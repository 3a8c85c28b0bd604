/** Raw requests to a supervisor's socket or port, to see what is on the wire. */
import { connect, type NetConnectOpts } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function parse(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const body = text.slice(end + 4);
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body };
}

/** Sends a text and gives what came until the server closed or the time was over. */
export function exchange(
  target: NetConnectOpts,
  request: string,
  timeoutMs = 2000,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(target, () => socket.write(request));
    let text = '';
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      if (text === '') reject(new Error('no answer'));
      else resolve(parse(text));
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.on('end', finish);
    socket.on('error', reject);
  });
}

/** A request with a body. */
export function post(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Type: text/xml', ...headers];
  return [...lines, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}

export function get(path: string, headers: readonly string[] = []): string {
  return [`GET ${path} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');
}

/** The content of a chunked body, as far as it came. */
export function dechunk(body: string): string {
  let text = '';
  for (let rest = body; ; ) {
    const match = /^([0-9a-f]+)[^\r]*\r\n/i.exec(rest);
    if (match === null) return text;
    const length = Number.parseInt(match[1] ?? '0', 16);
    const start = match[0].length;
    text += rest.slice(start, start + length);
    rest = rest.slice(start + length + 2);
  }
}
