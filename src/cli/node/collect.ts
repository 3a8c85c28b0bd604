/** `slapos node collect`: one run of the collector. */
import { runCollect } from '../../collect/run.ts';
import { parseCollectSettings } from '../../collect/settings.ts';
import type { CommandContext } from '../command.ts';
import { createCollectHost } from './collect-host.ts';

/** Exit 0, or 1 when a mandatory part failed (spec/collect.md 1). */
export async function run(context: CommandContext): Promise<number> {
  const { config, log, signal } = context;
  const settings = parseCollectSettings(config);
  return runCollect({ settings, host: createCollectHost(), log, signal });
}
