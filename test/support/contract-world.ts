/**
 * A proxy with something in every table, for the contract tests: a root `root` on slappart0 with a
 * child `child` on slappart1, a shared instance `shared` that the root serves, software that is
 * supplied, a free slappart2.
 */
import {
  computerDocument,
  postForm,
  requestFields,
  SOFTWARE,
  startProxy,
} from './proxy-fixture.ts';
import { openContentReader } from './test-store.ts';

export const NODE = { computer_id: 'COMP-1' };
export const ROOT = { ...NODE, computer_partition_id: 'slappart0' };
export const CHILD = { ...NODE, computer_partition_id: 'slappart1' };
export const FREE = { ...NODE, computer_partition_id: 'slappart2' };

export async function startWorld() {
  const proxy = await startProxy();
  const post = async (path: string, fields: Readonly<Record<string, string>>) => {
    const { status, text } = await postForm(proxy.url + path, fields);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  };
  await post('loadComputerConfigurationFromXML', { xml: computerDocument(3) });
  await post('supplySupply', { url: SOFTWARE, ...NODE, state: 'available' });
  const request = (fields: Parameters<typeof requestFields>[0]) => {
    return post('requestComputerPartition', requestFields(fields));
  };
  await request({ partition_reference: 'root', partition_parameter_xml: { p: '1' } });
  await request({ partition_reference: 'child', ...ROOT });
  await request({ partition_reference: 'shared', shared_xml: true });
  const reader = await openContentReader(proxy.database);
  return {
    ...proxy,
    /** Everything that is stored. */
    content: () => reader.content(),
    async close() {
      await reader.close();
      await proxy.close();
    },
  };
}

export type World = Awaited<ReturnType<typeof startWorld>>;
