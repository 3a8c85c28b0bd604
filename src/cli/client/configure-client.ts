/** Handler of `slapos configure client` (spec/register.md 2). */
import { resolve } from 'node:path';
import { configureClient, planClient } from '../../register/configure-client.ts';
import { renderStep } from '../../register/step.ts';
import { parseSite } from '../../register/web-request.ts';
import { parseMasterUrl } from '../../slap/master-url.ts';
import type { CommandContext } from '../command.ts';
import { authorityPath, createOutside, readAuthority } from '../registration.ts';

const QUESTION = 'Credential security token: ';

export async function run(context: CommandContext): Promise<number> {
  const { options: values, log, output } = context;
  const isInsecure = values['insecure'] === true;
  const masterUrl = String(values['master_url']);
  parseMasterUrl(masterUrl);
  const caFile = authorityPath(context);
  const options = {
    path: resolve(context.cwd, context.configPath),
    masterUrl,
    site: parseSite(String(values['master_url_web']), isInsecure),
    caFile,
  };
  const trust = { authorities: readAuthority(caFile), isInsecure };
  const outside = createOutside(context, trust, QUESTION);
  if (values['dry_run'] === true) {
    for (const step of await planClient(options, outside)) output.line(renderStep(step));
    log.info('Nothing was sent and nothing was changed.');
    return 0;
  }
  await configureClient(options, outside);
  log.info(`SlapOS client configuration written to ${options.path}`);
  return 0;
}
