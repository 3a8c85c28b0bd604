/** The kept XML of processes says at any time what encoding them anew would say. */
import { describe, expect, it } from 'vitest';
import { renderProcessInfo } from '../../../../src/supervisor/rpc/process-info.ts';
import { inListingOrder, ProcessInfoXml } from '../../../../src/supervisor/rpc/process-info-xml.ts';
import { decodeReply, encodeValue } from '../../../../src/supervisor/rpc/xml-rpc.ts';
import { SupervisorBench, settle } from '../../../support/fake-keeper.ts';
import { groupConfig } from '../../../support/supervisor-config.ts';

async function startedBench(count: number): Promise<SupervisorBench> {
  const bench = new SupervisorBench();
  const processes = Array.from({ length: count }, (_, index) => ({
    name: `p${index}<&>`,
    isAutostart: index % 2 === 0,
    startSecs: index % 3,
  }));
  await bench.controller.addGroup(groupConfig('g', processes));
  await settle();
  return bench;
}

describe('the XML of processes', () => {
  it('follows the clock and every change of status', async () => {
    const bench = await startedBench(6);
    const xml = new ProcessInfoXml();
    const isUpToDate = () => {
      const { nowMs } = bench.controller;
      for (const process of bench.controller.processes()) {
        const fresh = encodeValue({ ...renderProcessInfo(process, nowMs) });
        expect(xml.encode(process, nowMs)).toBe(fresh);
      }
    };
    isUpToDate();
    await bench.clock.advance(90_061_000);
    isUpToDate();
    bench.end('g:p0<&>', { status: 3 });
    bench.process('g:p2<&>').dispatch({ kind: 'stop' });
    bench.process('g:p1<&>').dispatch({ kind: 'start' });
    isUpToDate();
    await settle();
    isUpToDate();
  });

  it('is a reply with every process in order, however many slices it takes', async () => {
    const bench = await startedBench(1100);
    const { controller } = bench;
    const parts = await new ProcessInfoXml().encodeAll(controller);
    const reply = decodeReply(Buffer.concat(parts).toString());
    const { nowMs } = controller;
    expect(reply).toEqual(inListingOrder(controller).map((each) => renderProcessInfo(each, nowMs)));
  });

  it('is an empty list without processes', async () => {
    const parts = await new ProcessInfoXml().encodeAll(new SupervisorBench().controller);
    expect(decodeReply(Buffer.concat(parts).toString())).toEqual([]);
  });
});
