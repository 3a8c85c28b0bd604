/** Where the parts of this package lie: in a checkout that was built, or in a package of it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The folder of the package, wherever this code runs from: `src/`, `dist/` or a bundle. */
export function packageRoot(): string {
  const require = createRequire(__filename);
  for (let folder = __dirname; ; folder = dirname(folder)) {
    try {
      const manifest = require(join(folder, 'package.json')) as { name?: string };
      if (manifest.name === 'slapos-node') return folder;
    } catch {
      // Not here: look one folder up.
    }
    if (folder === dirname(folder)) return folder;
  }
}

/** Folder of the compiled files that a package brings along for this processor. */
export function prebuiltFolder(root: string): string {
  return join(root, 'prebuilt', `linux-${process.arch}`);
}

/**
 * Path of a compiled file of ours: what a package brings along, else what this checkout built.
 * @param name such as `slapos_native.node`
 */
export function nativeFile(name: string): string {
  const root = packageRoot();
  const prebuilt = prebuiltFolder(root);
  return join(existsSync(prebuilt) ? prebuilt : join(root, 'build', 'Release'), name);
}
