/** `computer token` (spec/cli.md 6.5). */
import { errorCode, SlaposError } from '../../errors/slapos-error.ts';
import { renderPythonJson } from '../../slap/python-json.ts';
import type { CommandHandler } from '../command.ts';
import { openApi, withMaster } from './session.ts';

/** How Masters without tokens answer: slapproxy 404 or a page, project-based Masters 410. */
const WITHOUT_TOKENS: readonly string[] = [
  'SLAPOS_ERR_MASTER_NOT_FOUND',
  'SLAPOS_ERR_MASTER_REFUSED',
  'SLAPOS_ERR_MASTER_PROTOCOL',
];

export const run: CommandHandler = async (context) => {
  return withMaster(context, async (session) => {
    const token = await (await openApi(session)).getToken().catch((cause: unknown) => {
      throw WITHOUT_TOKENS.includes(errorCode(cause)) ? unavailable(cause) : cause;
    });
    if (token === '') throw unavailable(undefined);
    const isJson = context.options['format'] === 'json';
    context.output.line(isJson ? renderPythonJson({ token }) : `Computer token: ${token}`);
    return 0;
  });
};

function unavailable(cause: unknown): SlaposError {
  const message = 'This SlapOS Master gives no tokens for computers.';
  return new SlaposError('SLAPOS_ERR_NOT_AVAILABLE', message, {
    cause,
    hint: 'get one from the web site of the Master',
  });
}
