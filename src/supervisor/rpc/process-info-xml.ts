/**
 * The answer of `getAllProcessInfo` as XML, for thousands of processes (spec/supervisor.md 11.8):
 * what does not change with the clock is kept per process until its status changes, and the answer
 * is made in slices, so that nothing else waits long.
 */
import type { Controller } from '../controller.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import type { ProcessStatus } from '../process/process-state.ts';
import { renderDescription, renderProcessInfo } from './process-info.ts';
import { encodeReply, encodeValue, escapeText, type RpcValue } from './xml-rpc.ts';

/** Processes encoded before others get their turn: under 10 ms when nothing is kept yet. */
const SLICE = 250;

interface KeptXml {
  readonly status: ProcessStatus;
  /** Up to the number of `now`, and from there to the text of `description`. */
  readonly head: string;
  readonly tail: string;
}

const END = '</string></value></member></struct></value>';
/** In place of what changes with the clock; no name or path holds a NUL. */
const CLOCK = '\0';

/** One string instead of a tree of its parts, which would take several times the memory. */
function flatten(text: string): string {
  return Buffer.from(text).toString();
}

function encodeMember([name, value]: [string, RpcValue]): string {
  const encoded =
    name === 'now'
      ? `<value><int>${CLOCK}</int></value>`
      : encodeValue(name === 'description' ? '' : value);
  return `<member><name>${name}</name>${encoded}</member>`;
}

function encodeKept(process: ManagedProcess): KeptXml {
  const members = Object.entries(renderProcessInfo(process, 0)).map(encodeMember).join('');
  const text = `<value><struct>${members}</struct></value>`;
  const at = text.indexOf(CLOCK);
  const head = flatten(text.slice(0, at));
  return { status: process.status, head, tail: flatten(text.slice(at + 1, -END.length)) };
}

export class ProcessInfoXml {
  readonly #kept = new WeakMap<ManagedProcess, KeptXml>();

  /** The struct of one process with its `<value>` tags. */
  encode(process: ManagedProcess, nowMs: number): string {
    const { status } = process;
    let kept = this.#kept.get(process);
    if (kept?.status !== status) {
      kept = encodeKept(process);
      this.#kept.set(process, kept);
    }
    const description = escapeText(renderDescription(status, nowMs));
    return `${kept.head}${Math.floor(nowMs / 1000)}${kept.tail}${description}${END}`;
  }

  /** The whole reply in parts. */
  async encodeAll(controller: Controller): Promise<Buffer[]> {
    const [before = '', after = ''] = encodeReply(
      `<value><array><data>${CLOCK}</data></array></value>`,
    ).split(CLOCK);
    const processes = inListingOrder(controller);
    const parts = [Buffer.from(before)];
    for (let start = 0; start < processes.length; start += SLICE) {
      const slice = processes.slice(start, start + SLICE);
      parts.push(Buffer.from(slice.map((each) => this.encode(each, controller.nowMs)).join('')));
      await new Promise((resolve) => setImmediate(resolve));
    }
    parts.push(Buffer.from(after));
    return parts;
  }
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Every process by group, then by name. */
export function inListingOrder(controller: Controller): ManagedProcess[] {
  return controller.processes().sort((a, b) => {
    return compareText(a.groupName, b.groupName) || compareText(a.config.name, b.config.name);
  });
}
