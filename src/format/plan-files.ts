/** The files that tell others what was made (spec/format.md 15). Pure. */
import { basename, join } from 'node:path';
import type { Computer } from '../model/computer.ts';
import { isRemoval } from './attribution.ts';
import { renderDefinition } from './definition.ts';
import { renderComputerJson, renderComputerXml, renderPartitionResource } from './document.ts';
import type { FormatOptions } from './options.ts';
import type { Step } from './step.ts';

export const RESOURCE_FILE = '.slapos-resource';
const STATE_MODE = 0o644;

/** Contents of the state files as they were found; null for a file that does not exist. */
export interface StateFiles {
  readonly xml: string | null;
  readonly pending: string | null;
  readonly json: string | null;
  /** The output definition file. */
  readonly definition: string | null;
}

/**
 * The journal beside the state file: what a run is about to make, written before it changes
 * anything and removed after the state file. A run that was cut off is taken up from it: what it
 * names is ours and is kept.
 */
export function pendingPath(computerXml: string): string {
  return `${computerXml}.pending`;
}

/** The history of the state file. */
export function historyPath(computerXml: string): string {
  return `${computerXml}.zip`;
}

export function resourcePath(instanceRoot: string, reference: string): string {
  return join(instanceRoot, reference, RESOURCE_FILE);
}

/** `.slapos-resource` of each partition where the text differs; its folder is not ours to trust. */
export function planResourceFiles(
  computer: Computer,
  found: { readonly texts: ReadonlyMap<string, string>; readonly obstacles: ReadonlySet<string> },
): Step[] {
  const beneath = computer.instanceRoot;
  return computer.partitions.flatMap((partition): Step[] => {
    const path = resourcePath(beneath, partition.reference);
    const content = renderPartitionResource(partition);
    if (found.texts.get(path) === content) return [];
    return [
      ...(found.obstacles.has(path) ? [{ kind: 'fileRemove' as const, path, beneath }] : []),
      { kind: 'fileWrite', path, mode: STATE_MODE, content, beneath },
    ];
  });
}

/**
 * Puts the changes of the host between the journal and the state file. What a run that was cut off
 * left and this one replaces goes before its journal does: nothing else remembers it.
 */
export function planStateFiles(
  computer: Computer,
  changes: readonly Step[],
  files: StateFiles,
  options: FormatOptions,
): Step[] {
  const xml = renderComputerXml(computer);
  const path = pendingPath(options.computerXml);
  const needsJournal = changes.length > 0 && files.pending !== xml;
  const journal = needsJournal ? [stateFile(path, xml)] : [];
  const isReplaced = needsJournal && files.pending !== null;
  const removals = isReplaced ? changes.filter(isRemoval) : [];
  const others = isReplaced ? changes.filter((step) => !isRemoval(step)) : changes;
  const isLeft = files.pending !== null || needsJournal;
  return [
    ...planDefinition(computer, files, options),
    ...removals,
    ...journal,
    ...others,
    ...planJson(computer, files, options),
    ...planXml(xml, files, options),
    ...(isLeft ? [{ kind: 'fileRemove' as const, path, beneath: null }] : []),
  ];
}

function stateFile(path: string, content: string): Step {
  return { kind: 'fileWrite', path, mode: STATE_MODE, content, beneath: null };
}

/** Written before anything is changed (spec/format.md 4), but saying what will be. */
function planDefinition(computer: Computer, files: StateFiles, options: FormatOptions): Step[] {
  const path = options.outputDefinitionFile;
  if (path === null) return [];
  const text = renderDefinition(computer);
  return files.definition === text ? [] : [stateFile(path, text)];
}

function planJson(computer: Computer, files: StateFiles, options: FormatOptions): Step[] {
  if (options.computerJson === null) return [];
  const json = renderComputerJson(computer);
  return files.json === json ? [] : [stateFile(options.computerJson, json)];
}

function planXml(xml: string, files: StateFiles, options: FormatOptions): Step[] {
  const path = options.computerXml;
  if (files.xml === xml) return [];
  if (files.xml === null) return [stateFile(path, xml)];
  const history: Step = {
    kind: 'historyAppend',
    path: historyPath(path),
    entryBaseName: basename(path),
    content: files.xml,
  };
  return [history, stateFile(path, xml)];
}
