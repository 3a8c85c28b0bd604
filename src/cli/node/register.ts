/** Handler of `slapos node register` (spec/register.md 1 and 8). */
import { dirname, resolve } from 'node:path';
import { parseRegisterOptions } from '../../register/options.ts';
import { planOnMachine, registerNode } from '../../register/register.ts';
import { renderStep } from '../../register/step.ts';
import { boundedText } from '../../slap/bounded-text.ts';
import type { CommandContext } from '../command.ts';
import { authorityPath, createOutside, readAuthority } from '../registration.ts';

const QUESTION = 'Computer security token: ';

export async function run(context: CommandContext): Promise<number> {
  const { options: values, positionals, log, output } = context;
  const folder = resolve(context.cwd, dirname(context.configPath));
  const caFile = authorityPath(context);
  const options = parseRegisterOptions(values, positionals[0] ?? '', folder, caFile);
  const trust = { authorities: readAuthority(caFile), isInsecure: options.isInsecure };
  const outside = createOutside(context, trust, QUESTION);
  if (values['dry_run'] === true) {
    const { steps, warnings } = await planOnMachine(options, outside);
    for (const warning of warnings) log.warning(warning);
    for (const step of steps) output.line(renderStep(step));
    log.info('Nothing was sent and nothing was changed.');
    return 0;
  }
  const { computerId, facts } = await registerNode(options, outside);
  const end = new Date(facts.notAfterMs).toISOString().slice(0, 10);
  log.info(`Certificate ${boundedText(facts.commonName)} is valid until ${end}.`);
  log.info(`Node has successfully been configured as ${computerId}.`);
  log.info('Now please invoke slapos node boot on your site.');
  return 0;
}
