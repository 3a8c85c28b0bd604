/** Where the token is entered: a page that works without scripts, and what takes its form. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../log/logger.ts';
import { addressesOf, FORM_TYPE, forwardedPrefix } from '../proxy/http-request.ts';
import type { PanelAccess } from './access.ts';
import { readBody } from './body.ts';
import { PanelError } from './problem.ts';
import type { PanelReply } from './reply.ts';
import { createSession, renderCookie, sessionCookieName } from './session.ts';

const MAX_FORM_BYTES = 4096;

export interface LoginOptions {
  readonly access: PanelAccess;
  readonly token: string | null;
  readonly log: Logger;
  readonly now: () => number;
}

/** Begins a session for who knows the token. @throws PanelError 401, 415 or 429. */
export async function logIn(
  request: FastifyRequest,
  reply: FastifyReply,
  { access, token, log, now }: LoginOptions,
): Promise<FastifyReply> {
  const type = request.headers['content-type'] ?? '';
  if (!type.toLowerCase().startsWith(FORM_TYPE)) {
    throw new PanelError(415, `The token comes in a form, with Content-Type: ${FORM_TYPE}.`);
  }
  const form = new URLSearchParams(await readBody(request, MAX_FORM_BYTES));
  const isRight = access.tries(request, (form.get('token') ?? '').trim());
  if (!isRight || token === null) {
    log.warning(`Panel: a wrong token from ${access.nameOf(request)}.`, {
      event: 'proxy.panel_token_refused',
    });
    throw new PanelError(401, WRONG);
  }
  const path = `${forwardedPrefix(request)}/panel`;
  const isSecure = addressesOf(request).baseUrl.startsWith('https:');
  const session = createSession(token, access.nameOf(request), now());
  const cookie = renderCookie(sessionCookieName(token), session, path, isSecure);
  return reply
    .code(303)
    .headers({ 'set-cookie': cookie, location: `${path}/`, 'cache-control': 'no-store' })
    .send();
}

const WRONG = 'That is not the token.';

/** Only texts of ours: nothing that anybody sent is in it. */
export function renderLogin(error: PanelError): PanelReply {
  const isFirst = error.statusCode === 401 && error.message !== WRONG;
  const notes: Readonly<Record<number, string>> = {
    401: WRONG,
    429: 'Too many wrong tokens: wait a minute.',
  };
  const note = isFirst ? '' : (notes[error.statusCode] ?? 'The token was not understood.');
  return {
    status: error.statusCode,
    headers: {
      ...error.headers,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // Without any a browser names no origin in what a form sends (Fetch standard), and is refused.
      'referrer-policy': 'same-origin',
    },
    body: renderPage(note),
  };
}

function renderPage(note: string): string {
  const alert = note === '' ? '' : `\n<p id="note" role="alert">${note}</p>`;
  const described = note === '' ? 'where' : 'note where';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Panel of a SlapOS node</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="login.css">
<main>
<h1>Panel</h1>${alert}
<form method="post" action="login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="${described}">
<button>Enter</button>
<p id="where">It is in the file <code>panel-token</code> beside the database of the proxy, whose log says where that is.</p>
</form>
</main>
</html>
`;
}

export const LOGIN_STYLE: PanelReply = {
  headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-cache' },
  body: `:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; }
main { box-sizing: border-box; max-width: 26rem; margin: 12vh auto 0; padding: 1rem; }
h1 { font-size: 1.4rem; }
label { display: block; font-weight: 600; }
input, button { box-sizing: border-box; font: inherit; min-height: 2.75rem; width: 100%; }
input { padding: 0 .5rem; margin-bottom: .75rem; }
[role=alert] { border-left: .25rem solid; padding-left: .75rem; font-weight: 600; }
`,
};
