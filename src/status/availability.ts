/** Why something could not be asked, in a line. */
import { errorMessage } from '../errors/slapos-error.ts';
import { printableName } from '../log/printable.ts';
import type { Availability } from './model.ts';

export const AVAILABLE: Availability = { isAvailable: true, reason: '' };

export function unavailable(reason: string): Availability {
  return { isAvailable: false, reason };
}

const MAX_LENGTH = 500;

/** What an error says, on one line of a bounded length. */
export function reasonOf(error: unknown): string {
  return printableName(errorMessage(error).trim().slice(0, MAX_LENGTH));
}
