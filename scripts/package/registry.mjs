// The command registry and what is rendered from it, for the scripts that make packages: the
// sources are TypeScript, so they are bundled first. Commands are described, not loaded.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { packageFolder, root } from './work.mjs';

const EXPORTS = `
export { COMMANDS } from './src/cli/registry.ts';
export { GLOBAL_OPTIONS } from './src/cli/global-options.ts';
export { renderBashCompletion } from './src/cli/other/completion-bash.ts';
export { renderFishCompletion } from './src/cli/other/completion-fish.ts';
export { renderZshCompletion } from './src/cli/other/completion-zsh.ts';
export { renderUdevRule, UDEV_RULE_PATH } from './src/format/plan-udev.ts';
`;

const leaveHandlers = {
  name: 'leave-handlers',
  setup(context) {
    context.onResolve({ filter: /^\./ }, (args) =>
      args.kind === 'dynamic-import' ? { path: args.path, external: true } : undefined,
    );
  },
};

/** @returns COMMANDS, GLOBAL_OPTIONS and the renderers of completion and udev rule */
export async function loadRegistry() {
  const outfile = join(packageFolder, 'registry.cjs');
  await build({
    stdin: { contents: EXPORTS, resolveDir: root, sourcefile: 'registry.ts', loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
    plugins: [leaveHandlers],
  });
  const require = createRequire(outfile);
  delete require.cache[outfile];
  return require(outfile);
}
