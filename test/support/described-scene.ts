/** A panel whose node runs a service, and whose proxy has software that describes its parameters. */
import { createDescribedRelease } from './described-release.ts';
import { FakeNode, partitionStatus, service } from './panel-node.ts';
import { startPanelScene } from './panel-scene.ts';
import { postForm } from './proxy-fixture.ts';

export async function startDescribedScene() {
  const release = createDescribedRelease();
  const node = new FakeNode();
  node.partitions = [partitionStatus('slappart0', { services: [service('web', 'RUNNING')] })];
  const scene = await startPanelScene({ view: node });
  const form = (path: string, fields: Record<string, string>) =>
    postForm(`${scene.url}${path}`, fields);
  const supply = (url: string) =>
    form('supplySupply', { url, computer_id: 'COMP-1', state: 'available' });
  await supply(release.software);
  return {
    ...scene,
    node,
    release,
    form,
    supply,
    async close() {
      await scene.close();
      release.remove();
    },
  };
}

export type DescribedScene = Awaited<ReturnType<typeof startDescribedScene>>;
