/** Commands that work on partitions and releases, for walks of faults: one real node for all. */
import { chmodSync, chownSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectScene } from './fault-scene-collect.ts';
import { formatScene } from './fault-scene-format.ts';
import { proxyScene } from './fault-scene-proxy.ts';
import { pruneScene } from './fault-scene-prune.ts';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree, type TreeOptions } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { partitionUid, SOFTWARE_UID } from './grid-site.ts';
import { InstanceNode } from './instance-node.ts';

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

/** What tells of a run or of its time, and what the kernel makes. */
const TREE: TreeOptions = {
  ignored:
    /\.log$|\/\.slapgrid\/log$|\/slapos-told-states\.json$|\/\.log(\/|$)|\/supervisord\.(pid|state)$|\.sock(et)?$|\/var\/(log|run)\/.*\.lock$/,
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
  const ids = node.ids;
  return {
    name: 'node instance',
    command: () => slaposCommand(node.configuration, 'node', 'instance', '--now'),
    async reset() {
      wish(0, 'destroyed', OLD, '0');
      wish(1, 'started', OLD, '1');
      wish(2, 'started', OLD, '1');
      for (const id of ids) node.plan(id, { parameter: '1' });
      await settle('instance', '--force');
      await settle('report');
      node.master.accessStatus.clear();
      wish(0, 'started', NEW, '2');
      wish(1, 'started', OLD, '2');
      wish(2, 'stopped', OLD, '2');
      for (const id of ids) node.plan(id, { parameter: '2' });
    },
    async state() {
      const services = [...(await node.running()).keys()].map((name) => `runs ${name}`);
      const told = [...node.master.accessStatus].map(([id, text]) => `told ${id} ${text}`);
      return [...describeTree([node.site.root], TREE), ...services.sort(), ...told.sort()];
    },
    close: () => node.close(),
  };
}

/** `node report`: one partition reports, one is freed. */
export async function reportScene(): Promise<FaultScene> {
  const node = new InstanceNode({ partitions: 2, releases: [OLD] });
  await node.open();
  const posted: string[] = [];
  return {
    name: 'node report',
    command: () => slaposCommand(node.configuration, 'node', 'report', '--now'),
    async reset() {
      posted.length = 0;
      for (const id of node.ids) {
        node.master.wishes.set(id, { state: 'started', release: OLD, timestamp: '1' });
        node.plan(id, {});
      }
      const { status, stderr } = await node.run(['instance', '--force']);
      if (status !== 0) throw new Error(`instance ends with ${status}: ${stderr}`);
      rmSync(node.site.path('slappart0', 'var'), { recursive: true, force: true });
      node.site.write(0, 'var/xml_report/usage.xml', CONSUMPTION);
      node.site.write(0, 'etc/report/usage', REPORT_SCRIPT, 0o755);
      chmodSync(node.site.path('slappart0', 'etc/report/usage'), 0o755);
      chownSync(node.site.path('slappart0', 'etc/report/usage'), partitionUid(0), partitionUid(0));
      node.master.wishes.set('slappart1', { state: 'destroyed', release: OLD, timestamp: '2' });
    },
    async state() {
      const told = [...node.master.wishes].map(([id, { release }]) => `wish ${id} ${release}`);
      return [...describeTree([node.site.root], TREE), ...told];
    },
    close: () => node.close(),
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
  prune: pruneScene,
  proxy: proxyScene,
};
