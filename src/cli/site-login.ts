/** Who asks a Master's web site: token, or login and password, from wherever they were given. */
import { isMasterError, MasterError, UsageError } from '../errors/slapos-error.ts';
import type { RegisterPort } from '../register/apply.ts';
import { type SiteTrust, sendOnce } from '../register/web-client.ts';
import {
  authorizationOf,
  loginRequest,
  parseToken,
  type SiteLogin,
} from '../register/web-request.ts';
import type { CommandContext } from './command.ts';
import { type GivenSecrets, textOf } from './given-secrets.ts';
import { openQuestions, type Questions } from './questions.ts';

const ACCEPTED = 'Logout';

type LoginStep = Parameters<RegisterPort['login']>[0];

/**
 * @param question shown when the token has to be typed
 * @param secrets what was given of it
 */
export async function findLogin(
  context: CommandContext,
  step: LoginStep,
  question: string,
  secrets: GivenSecrets,
  trust: SiteTrust,
): Promise<SiteLogin> {
  const questions = openQuestions(context);
  try {
    if (step.login === 'token') return await findToken(questions, question, secrets);
    return await findPassword(context, questions, step.site, secrets, trust);
  } finally {
    questions.close();
  }
}

async function findToken(
  questions: Questions,
  question: string,
  secrets: GivenSecrets,
): Promise<SiteLogin> {
  const given = secrets.token();
  if (given !== undefined) return { kind: 'token', token: given };
  const typed = expectAnswer(await questions.ask(question, true));
  return { kind: 'token', token: parseToken(typed, 'The token') };
}

/** What was given is tried once when it is complete; what is typed, until the site takes it. */
async function findPassword(
  context: CommandContext,
  questions: Questions,
  site: string,
  secrets: GivenSecrets,
  trust: SiteTrust,
): Promise<SiteLogin> {
  const { options, log } = context;
  const password = secrets.password();
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
