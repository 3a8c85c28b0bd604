// A Master that accepts everything: answers `done` and appends each request as one line of JSON to
// a file when one is named; without, it costs next to nothing.
//   node quiet-master.mjs PORT [FILE]
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, file] = process.argv.slice(2);
createServer(async (request, response) => {
  if (file === undefined) {
    request.resume().on('end', () => response.end('done'));
    return;
  }
  let body = '';
  for await (const piece of request.setEncoding('utf8')) body += piece;
  appendFileSync(file, `${JSON.stringify({ url: request.url, body })}\n`);
  response.end('done');
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
