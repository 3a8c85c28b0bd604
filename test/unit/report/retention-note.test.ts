/** What says that a destroyed partition is to stay for some days, where it cannot be read. */
import { expect, test } from 'vitest';
import { refusal } from '../../../src/host/folder/beneath-refusal.ts';
import { MemoryNode } from '../../support/instance-failures.ts';

const NOTE = '.slapos-retention-lock-delay';
const FOLDER = '/instance/slappart0';

async function destroy(refused: string, code: string) {
  const node = new MemoryNode();
  for (const name of [NOTE, 'data']) node.machine.put(`${FOLDER}/${name}`, '7');
  node.wish({ requestedState: 'destroyed' });
  node.machine.gate = (operation, moment) => {
    if (moment === 'after' || operation !== `folder.readSole ${refused}`) return;
    throw refusal(`${FOLDER}/${refused}`, Object.assign(new Error(code), { code }));
  };
  const status = await node.run('report');
  const left = [NOTE, 'data'].filter((name) => node.machine.entries.has(`${FOLDER}/${name}`));
  return { status, left, told: node.master.calls.filter((call) => /Destroyed/.test(call)) };
}

test.each([NOTE, '.slapos-report-wait-service-list'])(
  'nothing is destroyed while the machine cannot read %s',
  async (name) => {
    for (const code of ['EIO', 'EMFILE', 'ENFILE', 'ENOMEM']) {
      const kept = { status: 1, left: [NOTE, 'data'], told: [] };
      expect([code, await destroy(name, code)]).toEqual([code, kept]);
    }
  },
);

test.each(['ELOOP', 'EACCES', 'ENOTCONN', 'EAGAIN'])(
  'a user does not keep the partition by what stands in its place: %s',
  async (code) => {
    const { left, status, told } = await destroy(NOTE, code);
    expect([status, left, told]).toEqual([0, [], ['reportDestroyed slappart0']]);
  },
);
