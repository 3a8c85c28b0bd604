/** `node bang`: asks the Master to have every partition processed again (spec/cli.md 5.5). */
import { requireValue } from '../../config/values.ts';
import { parseMasterOptions } from '../../slap/client-options.ts';
import { pythonRepr } from '../../slap/python-text.ts';
import { createSlapClient } from '../../slap/slap-client.ts';
import type { CommandHandler } from '../command.ts';

export const run: CommandHandler = async ({ config, options, output, env }) => {
  const computerId = requireValue(config, 'slapos', 'computer_id');
  const masterOptions = parseMasterOptions(config, env);
  const message = (options['message'] as string | undefined) ?? null;
  const master = createSlapClient(masterOptions);
  try {
    output.line(`Banging to '${masterOptions.masterUrl}'`);
    // Upstream sends an absent message as the text None.
    await master.bangComputer(computerId, message ?? 'None');
    output.line(`Bang with message ${pythonRepr(message)}`);
  } finally {
    await master.close();
  }
  return 0;
};
