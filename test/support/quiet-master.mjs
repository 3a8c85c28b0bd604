// A Master that accepts everything: answers `done` and appends each request as one line of JSON.
//   node quiet-master.mjs PORT FILE
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, file] = process.argv.slice(2);
createServer(async (request, response) => {
  let body = '';
  for await (const piece of request.setEncoding('utf8')) body += piece;
  appendFileSync(file, `${JSON.stringify({ url: request.url, body })}\n`);
  response.end('done');
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
