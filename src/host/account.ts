/** Adapter of the addon's account transaction, and reader of the account files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, errorMessage, HostError } from '../errors/slapos-error.ts';
import type {
  AccountState,
  GroupEntry,
  GshadowEntry,
  HostAccounts,
  PasswdEntry,
  ShadowEntry,
} from './host.ts';
import { type AccountTransaction, loadNative, type NativeAddon } from './native.ts';
import { isKernelRefusal, type RefusalTexts, refusalError } from './native-failure.ts';

const TEXTS: RefusalTexts = {
  code: 'SLAPOS_ERR_ACCOUNT',
  hints: {
    EACCES: 'Changing users and groups needs root.',
    EPERM: 'Changing users and groups needs root.',
    EROFS: 'The folder of the account files must be writable.',
    ETIMEDOUT: 'Wait for the program that holds it to finish, then run the command again.',
    EEXIST: 'Choose another user_base_name or uid, or remove the account that is in the way.',
    ENOTUNIQ: 'Repair the account files with pwck(8) and grpck(8).',
    ELOOP: 'The account files must be plain files, not symbolic links.',
  },
};

/** Splits an account file into the fields of its valid lines; NIS lines are left out. */
function parseLines(text: string, fieldCount: number): string[][] {
  return text
    .split('\n')
    .filter((line) => !/^[+:-]/.test(line))
    .map((line) => line.split(':'))
    .filter((fields) => fields.length === fieldCount);
}

function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

const parseList = (text: string): string[] => text.split(',').filter((name) => name !== '');

/** Entries of passwd(5). */
export function parsePasswd(text: string): PasswdEntry[] {
  return parseLines(text, 7).flatMap((fields) => {
    const [name = '', password = '', uidText, gidText, gecos = '', home = '', shell = ''] = fields;
    const [uid, gid] = [parseId(uidText), parseId(gidText)];
    if (uid === undefined || gid === undefined) return [];
    return [{ name, password, uid, gid, gecos, home, shell }];
  });
}

/** Entries of group(5). */
export function parseGroup(text: string): GroupEntry[] {
  return parseLines(text, 4).flatMap(([name = '', password = '', gidText, members = '']) => {
    const gid = parseId(gidText);
    return gid === undefined ? [] : [{ name, password, gid, members: parseList(members) }];
  });
}

/** Entries of shadow(5). */
export function parseShadow(text: string): ShadowEntry[] {
  return parseLines(text, 9).map(([name = '', password = '']) => ({ name, password }));
}

/** Entries of gshadow(5). */
export function parseGshadow(text: string): GshadowEntry[] {
  return parseLines(text, 4).map(
    ([name = '', password = '', administrators = '', members = '']) => ({
      name,
      password,
      administrators: parseList(administrators),
      members: parseList(members),
    }),
  );
}

async function readMandatory(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const errno = -Number((cause as NodeJS.ErrnoException).errno ?? 0);
    const message = `Cannot read ${path}: ${errorMessage(cause)}.`;
    throw new HostError('SLAPOS_ERR_ACCOUNT', message, { errno, syscall: 'open' }, { cause });
  }
}

/** The shadow files may be missing, and only root may read them. */
async function readProtected(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM'].includes(errorCode(error))) return undefined;
    const message = `Cannot read ${path}: ${errorMessage(error)}.`;
    throw new HostError('SLAPOS_ERR_ACCOUNT', message, { syscall: 'open' }, { cause: error });
  }
}

async function readAccounts(etc: string): Promise<AccountState> {
  const [passwd, group, shadow, gshadow] = await Promise.all([
    readMandatory(join(etc, 'passwd')),
    readMandatory(join(etc, 'group')),
    readProtected(join(etc, 'shadow')),
    readProtected(join(etc, 'gshadow')),
  ]);
  return {
    users: parsePasswd(passwd),
    groups: parseGroup(group),
    shadow: shadow === undefined ? undefined : parseShadow(shadow),
    gshadow: gshadow === undefined ? undefined : parseGshadow(gshadow),
  };
}

async function applyAccounts(
  addon: Pick<NativeAddon, 'accountApply'>,
  transaction: AccountTransaction,
): Promise<void> {
  try {
    await addon.accountApply(transaction);
  } catch (error) {
    if (!isKernelRefusal(error)) throw error;
    const what = `change users and groups in ${transaction.etc}`;
    throw refusalError(TEXTS, what, error, `${error.detail} (${error.syscall}: ${error.code})`);
  }
}

/** The users and groups of a host, as far as its own files know them. */
export function createAccounts(
  addon: () => Pick<NativeAddon, 'accountApply'> = loadNative,
): Omit<HostAccounts, 'lookUp'> {
  return {
    read: (etc = '/etc') => readAccounts(etc),
    apply: (transaction) => applyAccounts(addon(), transaction),
  };
}
