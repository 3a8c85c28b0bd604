// The floor for a server on node:http: it answers with the bytes of two files, with 304 to
// If-None-Match, and does nothing else.
//   node bare-server.mjs PORT DOCUMENT_FILE INSTANCE_FILE
// The document is for getFullComputerInformation, the instance for any other path.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, ...files] = process.argv.slice(2);
const [document, instance] = files.map((file) => readFileSync(file));

function answer({ headers, url }, response) {
  const etag = headers['if-none-match'];
  if (etag !== undefined) {
    response.writeHead(304, { etag }).end();
    return;
  }
  const body = url.startsWith('/getFullComputerInformation') ? document : instance;
  const type = 'text/xml; charset=utf-8';
  response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body);
}

const server = createServer((request, response) => {
  request.resume().on('end', () => answer(request, response));
});
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
