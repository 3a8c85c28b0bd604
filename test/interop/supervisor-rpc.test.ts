/** The contract of the XML-RPC interface is what the stock supervisord does. */
import { describe } from 'vitest';
import { missingFacilities } from '../support/facilities.ts';
import { describeHttp } from '../support/supervisor-http-spec.ts';
import { findPeers, OUR_SUPERVISORD } from '../support/supervisor-peers.ts';
import { describeRpc } from '../support/supervisor-rpc-spec.ts';

const [missing] = missingFacilities(['root', 'netns']);
const peers = missing === undefined ? findPeers() : [];

describe.skipIf(peers.length === 0)(
  `XML-RPC${peers.length > 0 ? '' : ` [skipped: ${missing?.reason ?? 'no stock supervisor'}]`}`,
  () => {
    for (const { title, supervisord } of peers) describeRpc(`of ${title}`, [supervisord]);
  },
);

describe.skipIf(peers.length === 0)('HTTP', () => {
  for (const { title, supervisord, supervisorctl } of peers) {
    describeHttp(`of ${title}`, [supervisord], supervisorctl);
    describeHttp(`of ours with ${title}`, OUR_SUPERVISORD, supervisorctl);
  }
});
