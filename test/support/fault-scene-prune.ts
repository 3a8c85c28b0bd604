/** `node prune` over shared parts of which one is used, for walks of faults. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';

const ROOT = '/srv/prune';
const CONFIGURATION = '/srv/prune.cfg';
const NESTED_NODE = join(ROOT, 'instance', 'slappart0');
const [USED = '', INNER = '', UNUSED = '', LINKED = '', NESTED = ''] = [
  'a',
  'b',
  'c',
  'f',
  '9',
].map((digit) => digit.repeat(32));

/** A node in a partition, whose software uses a part of ours. */
function writeNestedNode(): void {
  mkdirSync(join(NESTED_NODE, 'software', 'x'), { recursive: true });
  mkdirSync(join(NESTED_NODE, 'instance'));
  writeFileSync(join(NESTED_NODE, 'software', 'x', '.installed.cfg'), NESTED);
  writeFileSync(
    join(NESTED_NODE, 'slapos.cfg'),
    `[slapos]\nsoftware_root = ${NESTED_NODE}/software\ninstance_root = ${NESTED_NODE}/instance\n`,
  );
}

export async function pruneScene(): Promise<FaultScene> {
  writeFileSync(
    CONFIGURATION,
    `[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:9/
software_root = ${ROOT}/software
instance_root = ${ROOT}/instance
shared_part_list = ${ROOT}/shared
pidfile_software = ${ROOT}/software.pid
`,
  );
  return {
    name: 'node prune',
    command: () => slaposCommand(CONFIGURATION, 'node', 'prune'),
    async reset() {
      rmSync(ROOT, { recursive: true, force: true });
      for (const [name, hash] of [
        ['zlib', USED],
        ['gcc', INNER],
        ['perl', UNUSED],
        ['curl', LINKED],
        ['nested', NESTED],
      ] as const) {
        mkdirSync(join(ROOT, 'shared', name, hash, 'lib', 'deep'), { recursive: true });
        writeFileSync(join(ROOT, 'shared', name, hash, 'lib', 'deep', 'file'), name);
        writeFileSync(
          join(ROOT, 'shared', name, hash, '.buildout-shared.json'),
          name === 'zlib' ? INNER : '',
        );
      }
      mkdirSync(join(ROOT, 'software', 'd'.repeat(32)), { recursive: true });
      writeNestedNode();
      mkdirSync(join(ROOT, 'elsewhere'));
      writeFileSync(join(ROOT, 'elsewhere', '.installed.cfg'), `location = ${LINKED}\n`);
      symlinkSync(join(ROOT, 'elsewhere'), join(ROOT, 'software', 'e'.repeat(32)));
      writeFileSync(
        join(ROOT, 'software', 'd'.repeat(32), '.installed.cfg'),
        `location = ${USED}\n`,
      );
    },
    // A pid file of software keeps prune away until `node software` has run, whoever left it.
    repair: () => rmSync(join(ROOT, 'software.pid'), { force: true }),
    state: async () => describeTree([ROOT]),
    close: async () => rmSync(ROOT, { recursive: true, force: true }),
  };
}
