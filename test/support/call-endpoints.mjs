// Sends requests that come as JSON on standard input, all at once and each on a connection of its
// own, and prints status and text of each answer.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';

function send({ url, method, headers, body }) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode, text }));
    });
    call.on('error', reject).end(body);
  });
}

const answers = await Promise.all(JSON.parse(readFileSync(0, 'utf8')).map(send));
process.stdout.write(JSON.stringify(answers));
