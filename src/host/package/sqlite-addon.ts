/**
 * Finds the compiled half of better-sqlite3. Unlike our own addon it speaks to V8 itself, so that
 * there is one for each ABI of Node (`process.versions.modules`); the build puts this in the place
 * of the package `bindings`, which would look for it beside a stack frame's file.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import { packageRoot, prebuiltFolder } from './package-files.ts';

/** @param abi ABI of the Node that is to load it, such as `137` */
export function sqliteAddonPath(root: string, abi: string): string {
  const prebuilt = prebuiltFolder(root);
  if (existsSync(prebuilt)) return join(prebuilt, `better_sqlite3-${abi}.node`);
  const manifest = createRequire(join(root, 'package.json')).resolve('better-sqlite3/package.json');
  return join(dirname(manifest), 'build', 'Release', 'better_sqlite3.node');
}

/**
 * Stands for `bindings('better_sqlite3.node')` in bundles: the argument is not ours.
 * @throws SlaposError SLAPOS_ERR_NATIVE when there is none for the running Node.
 */
export function loadSqliteAddon(_name?: string): unknown {
  return loadSqliteFrom(sqliteAddonPath(packageRoot(), process.versions.modules));
}

/** @throws SlaposError SLAPOS_ERR_NATIVE with the reason */
export function loadSqliteFrom(path: string): unknown {
  try {
    return createRequire(path)(path);
  } catch (cause) {
    const message = `SQLite cannot be loaded from ${path} by Node ${process.version}: ${reasonOf(cause)}`;
    throw new SlaposError('SLAPOS_ERR_NATIVE', message, {
      cause,
      hint: 'Run it with a Node of long-term support (20, 22, 24 or 26), or `npm run setup` in a checkout.',
    });
  }
}

/** What Node or dlopen(3) says, as one line without what required the file. */
function reasonOf(cause: unknown): string {
  const [reason = ''] = errorMessage(cause).split('\nRequire stack:');
  return `${reason.trim().replaceAll('\n', ' ').replace(/\.$/, '')}.`;
}
