/** The steps of a registration: what `--dry-run` prints is what is done, in this order. Pure. */
import type { WebRequest } from './web-request.ts';

/** What a file of the new configuration holds; all but the authority come from the answer. */
export type FileContent = 'authority' | 'certificate' | 'configuration' | 'key';

export type Step =
  /** Reach a server and check its certificate, before anything is spent. */
  | { readonly kind: 'contact'; readonly url: string; readonly role: 'master' | 'site' }
  /** Get the token, or login and password that the site accepts. */
  | { readonly kind: 'login'; readonly site: string; readonly login: 'password' | 'token' }
  /** `shown` is where it is when all is done. */
  | {
      readonly kind: 'folder';
      readonly path: string;
      readonly mode: number;
      readonly shown: string;
    }
  /** Remember on disk that a request is about to be sent. */
  | { readonly kind: 'note'; readonly path: string }
  | { readonly kind: 'request'; readonly request: WebRequest; readonly login: 'password' | 'token' }
  /** Save the answer as it came, before it is looked at. */
  | { readonly kind: 'keep'; readonly path: string }
  /** Key, certificate, dates, id. */
  | { readonly kind: 'inspect' }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly content: FileContent;
      readonly shown: string;
    }
  | {
      readonly kind: 'move';
      readonly from: string;
      readonly to: string;
      readonly isFormer: boolean;
    }
  | { readonly kind: 'remove'; readonly path: string };

/** A step as one line. */
export function renderStep(step: Step): string {
  switch (step.kind) {
    case 'contact':
      return `connect to ${step.url} and check its certificate`;
    case 'login':
      return step.login === 'token' ? 'ask for the token' : `log in at ${step.site}`;
    case 'folder':
      return `create folder ${step.path} mode ${octal(step.mode)}`;
    case 'note':
      return `write ${step.path} mode 0600 (what is asked for)`;
    case 'request':
      return renderRequest(step);
    case 'keep':
      return `write ${step.path} mode 0600 (the answer, as it comes)`;
    case 'inspect':
      return 'check the certificate: its dates, its key, whose it is';
    case 'file':
      return `write ${step.path} mode ${octal(step.mode)} (${step.content})`;
    case 'move':
      return `move ${step.from} to ${step.to}`;
    case 'remove':
      return `remove ${step.path}`;
  }
}

function renderRequest({ request, login }: Extract<Step, { kind: 'request' }>): string {
  const { method, url, body } = request;
  const secret = login === 'token' ? 'the token in X-Access-Token' : 'login and password';
  return `send ${method} ${url}${body === '' ? '' : ` with ${body}`} and ${secret}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
