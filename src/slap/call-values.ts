/** Values of calls that every transport checks and renders alike. Pure. */
import { MasterError } from '../errors/slapos-error.ts';
import { sanitizeXmlText } from './xml-text.ts';

const MAX_ERROR_LOG_LENGTH = 10_000;

/**
 * An empty id would ask for something else than what the caller means.
 * @param what names it in the message
 * @throws MasterError SLAPOS_ERR_MASTER_NOT_FOUND, as upstream.
 */
export function expectId(id: string, what: string): void {
  if (id !== '') return;
  throw new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', `The ${what} is empty.`);
}

/** A Master keeps only the end of it, and XML must be able to carry it. */
export function renderErrorLog(errorLog: string): string {
  return sanitizeXmlText(errorLog).slice(-MAX_ERROR_LOG_LENGTH);
}
