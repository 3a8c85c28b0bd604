/** Our daemon keeps the contract of the XML-RPC interface; the interop lane holds the stock one to it. */

import { requires } from '../support/requires.ts';
import { describeHttp } from '../support/supervisor-http-spec.ts';
import { OUR_SUPERVISORD } from '../support/supervisor-peers.ts';
import { describeRpc } from '../support/supervisor-rpc-spec.ts';

requires('root', 'netns')('XML-RPC', () => describeRpc('of our supervisord', OUR_SUPERVISORD));
requires('root', 'netns')('HTTP', () => describeHttp('of our supervisord', OUR_SUPERVISORD));
