/** Who asks a Master's web site: token, or login and password, from wherever they were given. */
import { readBounded } from '../config/read.ts';
import { errorMessage, isMasterError, MasterError, UsageError } from '../errors/slapos-error.ts';
import type { RegisterPort } from '../register/apply.ts';
import { type SiteTrust, sendOnce } from '../register/web-client.ts';
import {
  authorizationOf,
  loginRequest,
  parseToken,
  type SiteLogin,
} from '../register/web-request.ts';
import type { CommandContext, OptionValue } from './command.ts';
import { openQuestions, type Questions } from './questions.ts';

const MAX_SECRET_BYTES = 64 * 1024;
const ACCEPTED = 'Logout';

type LoginStep = Parameters<RegisterPort['login']>[0];

/** @param question shown when the token has to be typed */
export async function findLogin(
  context: CommandContext,
  step: LoginStep,
  question: string,
  trust: SiteTrust,
): Promise<SiteLogin> {
  const questions = openQuestions(context);
  try {
    if (step.login === 'token') return await findToken(context, questions, question);
    return await findPassword(context, questions, step.site, trust);
  } finally {
    questions.close();
  }
}

/** `--token`, else its file, else `$SLAPOS_TOKEN`, else the answer to a question. */
async function findToken(
  { options, env }: CommandContext,
  questions: Questions,
  question: string,
): Promise<SiteLogin> {
  const given = textOf(options['token']);
  const file = textOf(options['token_file']);
  if (given !== undefined && given !== 'ask') return token(given);
  if (given === undefined && file !== undefined) return token(readSecret(file));
  if (given === undefined && env['SLAPOS_TOKEN']) return token(env['SLAPOS_TOKEN']);
  return token(expectAnswer(await questions.ask(question, true)));
}

function token(text: string): SiteLogin {
  return { kind: 'token', token: parseToken(text) };
}

/** What was given is tried once when it is complete; what is typed, until the site takes it. */
async function findPassword(
  context: CommandContext,
  questions: Questions,
  site: string,
  trust: SiteTrust,
): Promise<SiteLogin> {
  const { options, env, log } = context;
  const file = textOf(options['password_file']);
  const password =
    textOf(options['password']) ??
    (file === undefined ? env['SLAPOS_PASSWORD'] || undefined : readSecret(file));
  let login = textOf(options['login']);
  const isGiven = login !== undefined && password !== undefined;
  for (let typed = password; ; typed = undefined) {
    const name = login ?? expectAnswer(await questions.ask('SlapOS Master Login: ', false));
    const secret = typed ?? expectAnswer(await questions.ask('Password: ', true));
    const candidate = { kind: 'password', login: name, password: secret } as const;
    if (await isAccepted(candidate, site, trust)) return candidate;
    log.warning('Wrong login/password');
    if (isGiven) throw refused();
    login = undefined;
  }
}

function refused(): MasterError {
  return new MasterError(
    'SLAPOS_ERR_MASTER_UNAUTHENTICATED',
    'Access denied to the SlapOS Master. Please check username and password.',
  );
}

/** Whether the site shows its page for somebody who is logged in. */
async function isAccepted(login: SiteLogin, site: string, trust: SiteTrust): Promise<boolean> {
  try {
    const { status, body } = await sendOnce(loginRequest(site), authorizationOf(login), trust);
    return status < 400 && body.includes(ACCEPTED);
  } catch (error) {
    if (!isMasterError(error)) throw error;
    throw new MasterError(error.code, error.message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

function expectAnswer(answer: string | undefined): string {
  if (answer !== undefined) return answer;
  throw new UsageError(
    'SLAPOS_ERR_USAGE',
    'Standard input ended before the question was answered.',
    {
      exitCode: 1,
      hint: 'give --token-file, or run the command on a terminal',
    },
  );
}

/** A secret from a file, or from standard input for `-`. */
function readSecret(path: string): string {
  try {
    const bytes = readBounded(path === '-' ? 0 : path, MAX_SECRET_BYTES);
    return new TextDecoder().decode(bytes).trim();
  } catch (cause) {
    const message = `The secret in ${path} cannot be read: ${errorMessage(cause)}.`;
    throw new UsageError('SLAPOS_ERR_USAGE', message, { cause, exitCode: 1 });
  }
}

function textOf(value: OptionValue | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
