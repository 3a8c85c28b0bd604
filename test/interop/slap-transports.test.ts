/** Our library over both transports against upstream's slapproxy: the story of ours. */
import { expect, test } from 'vitest';
import { Slap, type SlapTransport } from '../../src/slap/slap.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { computerDocument, startProxy } from '../support/proxy-fixture.ts';
import { tellStory, withoutNames } from '../support/slap-story.ts';
import { startUpstreamProxy } from '../support/upstream-proxy-server.ts';

const peer = findPeerPython('slapos.proxy.views');
const name = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

async function tell(masterUrl: string, transport: SlapTransport): Promise<Record<string, unknown>> {
  const slap = new Slap({ masterUrl, transport });
  try {
    await slap.registerComputer('COMP-1').loadConfiguration(computerDocument(4));
    return withoutNames(await tellStory(slap));
  } finally {
    await slap.abort();
  }
}

/** Upstream's fails at what it does not know (docs/proxy.md), and keeps no status. */
function comparable({ unknown: _, certificates: __, ...same }: Record<string, unknown>) {
  return same;
}

test.skipIf(python === '').each(['xml', 'json-rpc'] as const)(
  `upstream’s slapproxy tells the same over %s${name}`,
  async (transport) => {
    const upstream = await startUpstreamProxy(python);
    const ours = await startProxy();
    try {
      expect(comparable(await tell(ours.url, transport))).toEqual(
        comparable(await tell(upstream.url, transport)),
      );
    } finally {
      await upstream.close();
      await ours.close();
    }
  },
);
