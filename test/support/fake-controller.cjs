// The smallest controller of the keeper, for tests: serves the listening socket with lines of JSON.
// A client sends {"verb", "fields", "fds"} to be passed to the keeper, or a command of its own:
// {"do": "ready" | "crash" | "exit" | "open" | "pipe"}. Every message of the keeper, also those of
// the past, goes to every client as {"verb", "fields", "fds"}.
const { constants, writeSync } = require('node:fs');
const { createServer } = require('node:net');

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const addon = require(process.env.FAKE_ADDON);
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
const seen = [];
const clients = new Set();

function tell(message) {
  seen.push(message);
  for (const client of clients) client.write(`${JSON.stringify(message)}\n`);
}

function decode(data, fds) {
  const [verb, ...words] = data.toString().split('\0').slice(0, -1);
  const fields = words.map((word) => [
    word.slice(0, word.indexOf('=')),
    word.slice(word.indexOf('=') + 1),
  ]);
  return { verb, fields, fds };
}

function send({ verb, fields = [], fds = [] }) {
  const words = [verb, ...fields.map(([key, value]) => `${key}=${value}`)];
  addon.keeperSend({ data: Buffer.from(`${words.join('\0')}\0`), fds });
  if (verb === 'stopped') setTimeout(() => process.exit(0), 50);
}

const commands = {
  ready: () => send({ verb: 'ready' }),
  crash: () => process.kill(process.pid, 'SIGKILL'),
  exit: ({ status }) => process.exit(status),
  shout: ({ text }) => writeSync(2, text),
  open: async ({ path }) => {
    try {
      tell({ verb: 'opened', fields: [['fd', await addon.logOpen({ path, flags: APPEND })]] });
    } catch (error) {
      tell({ verb: 'opened', fields: [['code', error.code]] });
    }
  },
  pipe: (request) => tell({ verb: 'piped', fields: Object.entries(addon.pipeOpen(request)) }),
  write: ({ fd, text }) => writeSync(fd, text),
};

addon.keeperConnect(
  { fd: Number(option('--keeper-fd')), listenFd: Number(option('--listen-fd')) },
  (data, fds) => {
    if (data === null) process.exit(0);
    tell(decode(data, fds));
  },
);
if (process.env.FAKE_FAILURE) {
  writeSync(2, 'Error: the configuration is wrong\n');
  process.exit(2);
}
send({
  verb: 'hello',
  fields: [
    ['protocol', 1],
    ['pid', process.pid],
  ],
});
createServer((client) => {
  clients.add(client);
  client.on('close', () => clients.delete(client));
  client.on('error', () => {});
  for (const message of seen) client.write(`${JSON.stringify(message)}\n`);
  let rest = '';
  client.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const message = JSON.parse(line);
      if (message.do === undefined) send(message);
      else commands[message.do](message);
    }
  });
}).listen({ fd: Number(option('--listen-fd')) }, () => {
  if (!process.env.FAKE_NOT_READY) send({ verb: 'ready' });
});
