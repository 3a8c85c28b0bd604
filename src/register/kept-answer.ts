/**
 * What is on disk between the request and the finished configuration, so that a run that was killed
 * after the token was used up loses nothing: the next run goes on from there. Pure.
 */
import { SlaposError } from '../errors/slapos-error.ts';

/** What a registration is for: a run goes on only with its own. */
export interface Purpose {
  /** Title of the computer; empty for a person. */
  readonly nodeName: string;
  readonly site: string;
}

export interface RequestNote extends Purpose {
  readonly sentAtMs: number;
}

export interface KeptAnswer extends Purpose {
  readonly url: string;
  /** As the site sent it. */
  readonly body: string;
  readonly isComplete: boolean;
}

export const NOTE_NAME = 'request.json';
export const ANSWER_NAME = 'answer.json';

export function encodeNote(note: RequestNote): string {
  return `${JSON.stringify(note)}\n`;
}

export function encodeAnswer(answer: KeptAnswer): string {
  return `${JSON.stringify(answer)}\n`;
}

/** A note that cannot be read tells nothing, which is no reason to stop. */
export function decodeNote(text: string | undefined): RequestNote | undefined {
  try {
    const { nodeName, site, sentAtMs } = JSON.parse(text ?? '') as Partial<RequestNote>;
    if (typeof nodeName !== 'string' || typeof site !== 'string') return undefined;
    if (!Number.isSafeInteger(sentAtMs)) return undefined;
    // JSON has -0, and does not write it.
    return { nodeName, site, sentAtMs: Number(sentAtMs) + 0 };
  } catch {
    return undefined;
  }
}

/**
 * @param path for the message
 * @throws SlaposError SLAPOS_ERR_STATE_FILE: it may hold a key, so that nobody goes on without it.
 */
export function decodeAnswer(text: string | undefined, path: string): KeptAnswer | undefined {
  if (text === undefined) return undefined;
  try {
    const { nodeName, site, url, body, isComplete } = JSON.parse(text) as Partial<KeptAnswer>;
    const texts = [nodeName, site, url, body];
    if (texts.every((each) => typeof each === 'string') && typeof isComplete === 'boolean') {
      return { nodeName, site, url, body, isComplete } as KeptAnswer;
    }
  } catch {
    // Refused below.
  }
  throw new SlaposError(
    'SLAPOS_ERR_STATE_FILE',
    `The answer of a Master that was kept in ${path} cannot be read.`,
    { hint: 'look at it: it may hold a private key; remove it to register anew' },
  );
}
