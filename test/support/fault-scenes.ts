/** Commands that work on partitions and releases, for walks of faults: one real node for all. */
import { chownSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectScene, replacementScene } from './fault-scene-collect.ts';
import { CONTROL_SCENES } from './fault-scene-control.ts';
import { formatScene } from './fault-scene-format.ts';
import { proxyScene } from './fault-scene-proxy.ts';
import { pruneScene } from './fault-scene-prune.ts';
import { registerScene, renewScene } from './fault-scene-register.ts';
import { supervisorScene } from './fault-scene-supervisor.ts';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree, type TreeOptions } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { SOFTWARE_UID } from './grid-site.ts';
import { InstanceNode } from './instance-node.ts';
import { keepNode } from './kept-tree.ts';

const RELEASES = ['https://host/one.cfg', 'https://host/two.cfg'] as const;
const [OLD, NEW] = RELEASES;

/** Writes a buildout that writes what a release is. */
const BOOTSTRAP = `#!/bin/sh
set -e
mkdir -p bin
cat > bin/buildout <<'END'
#!/bin/sh
set -e
mkdir -p parts
echo built > parts/tool
END
chmod 755 bin/buildout
`;

/** What tells of a run or of its time, what the kernel makes, and links that a killed run left. */
const TREE: TreeOptions = {
  ignored:
    /\.log$|\/\.slapgrid\/log$|\/slapos-told-states\.json$|\/\.log(\/|$)|\/supervisord\.(pid|state)$|\.sock(et)?$|\/var\/(log|run)\/.*\.lock$|\/slappart\d\/\.\d+\.\w+\.tmp$/,
  volatile: /\.slapgrid\/promise\/|\/slapos-master-(document|answer)\.json$/,
  normalise: (_, text) => text.replaceAll(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'DATE'),
};

/** `node software`: a release to install, one to remove. */
export async function softwareScene(): Promise<FaultScene> {
  const node = new InstanceNode({
    partitions: 0,
    releases: [],
    settings: 'buildout = /srv/bootstrap\n',
  });
  await node.open();
  writeFileSync('/srv/bootstrap', BOOTSTRAP, { mode: 0o755 });
  const { softwareRoot } = node.site;
  node.master.releases = [NEW, OLD];
  return {
    name: 'node software',
    master: node.master,
    command: () => slaposCommand(node.configuration, 'node', 'software', '--now'),
    async reset() {
      for (const name of readdirSync(softwareRoot))
        rmSync(join(softwareRoot, name), { recursive: true });
      chownSync(softwareRoot, SOFTWARE_UID, SOFTWARE_UID);
    },
    state: async () => describeTree([node.site.root], TREE),
    close: () => node.close(),
  };
}

/** `node instance`: one partition is new, one gets other parameters, one stops. */
export async function instanceScene(): Promise<FaultScene> {
  const node = new InstanceNode({ partitions: 3, releases: RELEASES });
  await node.open();
  const wish = (index: number, state: string, release: string | undefined, stamp: string) =>
    node.master.wishes.set(`slappart${index}`, { state, release, timestamp: stamp });
  const settle = async (...words: readonly string[]) => {
    const { status, stderr } = await node.run(words);
    if (status !== 0) throw new Error(`${words.join(' ')} ends with ${status}: ${stderr}`);
  };
  wish(0, 'destroyed', OLD, '0');
  wish(1, 'started', OLD, '1');
  wish(2, 'started', OLD, '1');
  for (const id of node.ids) node.plan(id, { parameter: '1' });
  await settle('instance', '--force');
  await settle('report');
  for (const id of node.ids) node.plan(id, { parameter: '2' });
  const kept = await keepNode(node);
  return {
    name: 'node instance',
    master: node.master,
    command: () => slaposCommand(node.configuration, 'node', 'instance', '--now'),
    async reset() {
      await kept.restore();
      node.master.accessStatus.clear();
      wish(0, 'started', NEW, '2');
      wish(1, 'started', OLD, '2');
      wish(2, 'stopped', OLD, '2');
    },
    async state() {
      const services = [...(await node.running()).keys()].map((name) => `runs ${name}`);
      // A stop that the Master did not hear of is not told again (spec/grid.md 7.2.7).
      const told = [...node.master.accessStatus]
        .filter(([, text]) => !text.includes('stopped'))
        .map(([id, text]) => `told ${id} ${text}`);
      return [...describeTree([node.site.root], TREE), ...services.sort(), ...told.sort()];
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}

/** `node report`: one partition reports, one is freed. */
export async function reportScene(): Promise<FaultScene> {
  const node = new InstanceNode({ partitions: 2, releases: [OLD] });
  await node.open();
  const wish = (index: number, state: string, timestamp: string) =>
    node.master.wishes.set(`slappart${index}`, { state, release: OLD, timestamp });
  for (const [index, id] of node.ids.entries()) {
    wish(index, 'started', '1');
    node.plan(id, {});
  }
  const { status, stderr } = await node.run(['instance', '--force']);
  if (status !== 0) throw new Error(`instance ends with ${status}: ${stderr}`);
  node.site.write(0, 'var/xml_report/usage.xml', CONSUMPTION);
  node.site.write(0, 'etc/report/usage', REPORT_SCRIPT, 0o755);
  const kept = await keepNode(node);
  return {
    name: 'node report',
    master: node.master,
    command: () => slaposCommand(node.configuration, 'node', 'report', '--now'),
    async reset() {
      await kept.restore();
      wish(0, 'started', '1');
      wish(1, 'destroyed', '2');
    },
    async state() {
      const told = [...node.master.wishes].map(([id, { release }]) => `wish ${id} ${release}`);
      return [...describeTree([node.site.root], TREE), ...told];
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}

const CONSUMPTION =
  '<consumption><movement><resource>CPU</resource><quantity>1.5</quantity><price>0.0</price><VAT></VAT></movement></consumption>';
const REPORT_SCRIPT = `#!/bin/sh
echo '${CONSUMPTION}' > "$1"
`;

export const SCENES: Readonly<Record<string, () => Promise<FaultScene>>> = {
  software: softwareScene,
  instance: instanceScene,
  report: reportScene,
  format: formatScene,
  collect: collectScene,
  replacement: replacementScene,
  prune: pruneScene,
  proxy: proxyScene,
  supervisor: supervisorScene,
  register: registerScene,
  renew: renewScene,
  ...CONTROL_SCENES,
};
