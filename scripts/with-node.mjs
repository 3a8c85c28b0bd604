#!/usr/bin/env node
// Runs a command under another Node of scripts/package/nodes.json, which is fetched from npm once:
//   node scripts/with-node.mjs 24 npm run quickstart
import { spawnSync } from 'node:child_process';
import { pathOfNode } from './package/node.mjs';

const [major, command, ...args] = process.argv.slice(2);
if (command === undefined) {
  process.stderr.write('usage: node scripts/with-node.mjs MAJOR COMMAND [ARGUMENT…]\n');
  process.exit(2);
}
let path;
try {
  path = pathOfNode(major);
} catch (error) {
  process.stderr.write(`with-node: ${error.message}\n`);
  process.exit(1);
}
const env = { ...process.env, PATH: `${path}:${process.env['PATH']}` };
// What npm told of itself to its scripts is about the Node that runs this one.
for (const name of Object.keys(env)) if (name.startsWith('npm_')) delete env[name];
const result = spawnSync(command, args, { stdio: 'inherit', env });
if (result.error !== undefined) process.stderr.write(`with-node: ${result.error.message}\n`);
process.exit(result.status ?? 1);
