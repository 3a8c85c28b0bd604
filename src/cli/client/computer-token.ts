/** `computer token` (spec/cli.md 6.5). */
import { errorCode, SlaposError } from '../../errors/slapos-error.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const token = await (await openApi(session)).getToken().catch((cause: unknown) => {
      if (errorCode(cause) === 'SLAPOS_ERR_MASTER_UNAVAILABLE') throw cause;
      const message = 'This SlapOS Master gives no tokens for computers.';
      throw new SlaposError('SLAPOS_ERR_NOT_AVAILABLE', message, {
        cause,
        hint: 'get one from the web site of the Master',
      });
    });
    const isJson = context.options['format'] === 'json';
    context.output.line(isJson ? renderPythonJson({ token }) : `Computer token: ${token}`);
    return 0;
  });
};
