/**
 * The Master's last document of the computer with its entity tag, so that a pass asks only whether
 * it still holds: reading a megabyte of XML takes most of a pass in which nothing is to be done.
 * `<instance_root>/var/slapos-master-document.json`, 0600. It holds the parameters of instances,
 * which may be secrets, as the files that software makes of them in their partitions do.
 *
 * It is used only when it is root's (the user's, without root), nobody else may write to it or to
 * its folder, its digest is right, and it is the same Master's about the same computer.
 */
import { createHash } from 'node:crypto';
import { errorMessage } from '../errors/slapos-error.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { FileStatus } from '../host/host.ts';
import type { ComputerMemory, SlapComputer } from '../slap/master.ts';
import { decodeComputer, encodeComputer } from './computer-json.ts';
import type { GridContext } from './context.ts';

const FOLDER = 'var';
export const KEPT_DOCUMENT = `${FOLDER}/slapos-master-document.json`;
/** Of the records in the file; a change of them needs another number. */
const FORMAT = 1;
const MAX_BYTES = 64 * 1024 * 1024;

interface Header {
  readonly format: number;
  readonly masterUrl: string;
  readonly computerId: string;
  readonly tag: string;
  readonly sha256: string;
}

type Source = Pick<Header, 'masterUrl' | 'computerId'>;

export function renderKeptDocument(source: Source, tag: string, computer: SlapComputer): string {
  const { computerId, masterUrl } = source;
  const body = encodeComputer(computer);
  const header: Header = { format: FORMAT, masterUrl, computerId, tag, sha256: digest(body) };
  return `${JSON.stringify(header)}\n${body}`;
}

/** undefined for a text that is not whole, or not of this source. */
export function parseKeptDocument(
  text: string,
  { computerId, masterUrl }: Source,
): { readonly tag: string; readonly body: string } | undefined {
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  try {
    const header = JSON.parse(text.slice(0, end)) as Partial<Header>;
    const isOurs =
      header.format === FORMAT &&
      header.masterUrl === masterUrl &&
      header.computerId === computerId &&
      header.sha256 === digest(body);
    return isOurs && typeof header.tag === 'string' ? { tag: header.tag, body } : undefined;
  } catch {
    return undefined;
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The document that is kept, for one who only wants to know.
 * @returns undefined when there is none, or none that may be used.
 * @throws HostError when it cannot be read.
 */
export async function readKeptDocument(
  folder: Pick<OwnedFolder, 'stat' | 'readSole'>,
  source: Source,
): Promise<SlapComputer | undefined> {
  const text = await readOwn(folder);
  const known = text === undefined ? undefined : parseKeptDocument(text, source);
  return known === undefined ? undefined : decodeComputer(known.body);
}

/** @param keeps false for a command that changes nothing */
export function openKeptDocument(context: GridContext, keeps: boolean): ComputerMemory {
  const { host, log, options } = context;
  const folder = host.openFolder(options.instanceRoot);
  return {
    async recall() {
      try {
        const text = await readOwn(folder);
        const known = text === undefined ? undefined : parseKeptDocument(text, options);
        if (known === undefined) return undefined;
        return { tag: known.tag, read: () => decodeComputer(known.body) };
      } catch (error) {
        log.debug(`${KEPT_DOCUMENT} is of no use: ${errorMessage(error)}, ignoring`);
        return undefined;
      }
    },
    async keep(tag, computer) {
      if (!keeps) return;
      try {
        const text = renderKeptDocument(options, tag, computer);
        await folder.write(KEPT_DOCUMENT, text, { mode: 0o600 });
      } catch (error) {
        log.debug(`The document of the Master is not kept: ${errorMessage(error)}, ignoring`);
      }
    },
  };
}

/** undefined unless only we can have written it. */
async function readOwn(
  folder: Pick<OwnedFolder, 'stat' | 'readSole'>,
): Promise<string | undefined> {
  const [parent, file] = [await folder.stat(FOLDER), await folder.stat(KEPT_DOCUMENT)];
  if (!isOwn(parent, 'directory') || !isOwn(file, 'file')) return undefined;
  return (await folder.readSole(KEPT_DOCUMENT, MAX_BYTES))?.toString();
}

function isOwn(status: FileStatus | undefined, kind: FileStatus['kind']): boolean {
  if (status === undefined || status.kind !== kind) return false;
  return status.uid === process.geteuid?.() && (status.mode & 0o022) === 0;
}
