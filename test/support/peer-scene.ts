/** A proxy under `peer_check` whose test says who is at the other end of each connection. */
import { request } from 'node:http';
import type { PeerLook } from '../../src/host/network/tcp-peer.ts';
import { COMPUTER, type Endpoint, renderCall } from './peer-endpoints.ts';
import { computerDocument, postForm, requestFields, startProxy } from './proxy-fixture.ts';

export const ROOT = 0;
export const NOBODY = 65534;
/** Of slappart0 (`front`), slappart1 (`back`, which `front` requested) and slappart2 (`other`). */
export const [FRONT, BACK, OTHER] = [1000, 1001, 1002] as const;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** On a connection of its own. */
function sendOnce(url: string, endpoint: Endpoint): Promise<Answer> {
  const { body, headers, method } = renderCall(endpoint);
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, headers, method }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject).end(body);
  });
}

export async function startPeerScene(address: (address: string) => boolean = () => false) {
  let look: PeerLook = { kind: 'local', uid: ROOT };
  const owners = new Map([
    ['slappart0', FRONT],
    ['slappart1', BACK],
    ['slappart2', OTHER],
    ['slappart3', ROOT],
    ['nobodys', NOBODY],
  ]);
  const proxy = await startProxy({
    peerCheck: {
      computerId: COMPUTER,
      trustedUids: new Set([ROOT, 4711]),
      isTrustedAddress: address,
      listOwners: () => owners,
      lookAt: () => look,
      refusalPauseMs: 0,
    },
  });
  const base = proxy.url.replace(/\/$/, '');
  await postForm(`${base}/loadComputerConfigurationFromXML`, { xml: computerDocument(6) });
  const front = { computer_id: COMPUTER, computer_partition_id: 'slappart0' };
  for (const [title, requester] of [
    ['front', {}],
    ['back', front],
    ['other', {}],
  ] as const) {
    const parameters = { partition_parameter_xml: { secret: `of-${title}` } };
    const fields = requestFields({ partition_reference: title, ...parameters, ...requester });
    await postForm(`${base}/requestComputerPartition`, fields);
  }

  async function send(endpoint: Endpoint, peer: PeerLook): Promise<Answer> {
    look = peer;
    return sendOnce(`${base}${endpoint.path}`, endpoint);
  }
  return {
    ...proxy,
    owners,
    as: (uid: number, endpoint: Endpoint) => send(endpoint, { kind: 'local', uid }),
    send,
  };
}

export type PeerScene = Awaited<ReturnType<typeof startPeerScene>>;
