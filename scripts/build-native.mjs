#!/usr/bin/env node
// Builds the addon and the keeper with node-gyp against the headers of the running Node, which lie
// beside it (<prefix>/include/node): nothing is downloaded.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prefix = dirname(dirname(process.execPath));
const headers = join(prefix, 'include', 'node', 'node_api.h');
if (!existsSync(headers)) {
  process.stderr.write(
    `The headers of Node ${process.version} are missing: ${headers}.\n` +
      'Install them (the official archive of Node has them; Debian: apt-get install libnode-dev).\n',
  );
  process.exit(1);
}
const nodeGyp = createRequire(join(root, 'package.json')).resolve('node-gyp/bin/node-gyp.js');
const result = spawnSync(
  process.execPath,
  [nodeGyp, 'configure', 'build', `--nodedir=${prefix}`, ...process.argv.slice(2)],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
process.exit(result.status ?? 1);
