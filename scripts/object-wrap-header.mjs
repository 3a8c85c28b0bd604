// What better-sqlite3 12 is compiled with in place of Node's own node_object_wrap.h. From Node 24.19
// on the class in it asks for the environment when the collector destroys a statement, where there
// may be none, and aborts. better-sqlite3 closes its databases itself when the environment ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const HOOK_CALL = /^\s*(Add|Remove)CleanupHook\(\);\n/gm;

function readHeader(prefix) {
  return readFileSync(join(prefix, 'include/node/node_object_wrap.h'), 'utf8');
}

/**
 * Whether better-sqlite3 aborts with the header of a Node.
 * @param prefix folder with include/node
 */
export function needsOtherHeader(prefix) {
  return readHeader(prefix).search(HOOK_CALL) >= 0;
}

/**
 * The header of a Node without those calls, to be included before it.
 * @param prefix folder with include/node
 */
export function objectWrapHeader(prefix) {
  return readHeader(prefix).replace(HOOK_CALL, '');
}
