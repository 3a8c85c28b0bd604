// Asks a Master for a software release and for many instances of it.
//   node request-instances.mjs MASTER_URL COMPUTER SOFTWARE_URL COUNT
import { Agent, request } from 'node:http';

const [master, computer, software, count] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

function post(path, fields) {
  return new Promise((resolve, reject) => {
    const body = new URLSearchParams(fields).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const sent = request(`${master}${path}`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume().on('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${path}: ${answer.statusCode}`));
      });
    });
    sent.on('error', reject).end(body);
  });
}

const marshal = (value) => `<marshal>${value}</marshal>`;
const dictionary = (entries) => `<dictionary id="i2">${entries}</dictionary>`;
const text = (value) => `<string>${value}</string>`;

/** As recipes send them: one parameter that holds JSON. */
function parametersOf(index) {
  const value = {
    name: `instance ${index}`,
    frequency: 5,
    servers: Array.from({ length: 6 }, (_, server) => `https://[2001:db8::${server + 1}]:8080/`),
  };
  const json = JSON.stringify(value);
  return dictionary(text('_') + text(json));
}

await post('supplySupply', { url: software, computer_id: computer, state: 'available' });
await Promise.all(
  Array.from({ length: Number(count) }, (_, index) =>
    post('requestComputerPartition', {
      software_release: software,
      software_type: 'default',
      partition_reference: `instance-${index}`,
      partition_parameter_xml: marshal(parametersOf(index)),
      filter_xml: marshal(dictionary('')),
      state: marshal(text('started')),
      shared_xml: marshal('<bool>0</bool>'),
    }),
  ),
);
agent.destroy();
