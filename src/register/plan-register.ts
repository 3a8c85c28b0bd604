/** The steps of `node register` (spec/register.md 1 and 8). Pure. */
import { dirname, join } from 'node:path';
import { PlanError } from '../errors/slapos-error.ts';
import type { RegisterFacts } from './facts.ts';
import { type RegisterOptions, workFolderOf } from './options.ts';
import { checkPlace, checkWork, planRequest } from './plan-work.ts';
import type { Step } from './step.ts';
import { computerRequest } from './web-request.ts';

export interface RegisterPlan {
  readonly steps: readonly Step[];
  /** What the operator should know before. */
  readonly warnings: readonly string[];
  /** What is told while the former configuration is moved. */
  readonly occupied: readonly string[];
}

/** Name of the new configuration folder until it takes its place. */
const NEW = 'new';

/**
 * A kept answer of an earlier run is used instead of asking again.
 * @throws PlanError when something here stands in the way, before anything is sent
 */
export function planRegister(options: RegisterOptions, facts: RegisterFacts): RegisterPlan {
  const work = workFolderOf(options.folder);
  const purpose = { nodeName: options.nodeName, site: options.site };
  checkPlace(dirname(options.folder), facts.parent);
  checkFolder(options, facts);
  checkWork(work, facts.work, purpose, facts.ownUid);
  const warnings = listWarnings(options, facts);
  if (facts.isInPlace) {
    return { steps: [{ kind: 'inspect' }, { kind: 'remove', path: work }], warnings, occupied: [] };
  }
  const { name, occupied } = backupOf(options.folder, facts.siblings);
  return {
    steps: [
      ...planAsking(options, facts, work),
      { kind: 'inspect' },
      ...(isReplaced(facts) ? planReplacement(options, facts, work, name) : planFiling(options)),
      { kind: 'remove', path: work },
    ],
    warnings,
    occupied: facts.hasConfig ? occupied : [],
  };
}

/** A folder without configuration stays, with whatever else is in it. */
function isReplaced({ folder, hasConfig }: RegisterFacts): boolean {
  return folder === undefined || hasConfig;
}

function checkFolder({ folder }: RegisterOptions, facts: RegisterFacts): void {
  if (facts.folder === undefined) return;
  checkPlace(folder, facts.folder);
  if (!facts.hasConfig || facts.folder.device === facts.parent?.device) return;
  throw new PlanError(
    'SLAPOS_ERR_FILE',
    `${folder} holds a configuration and is a mount point, which cannot be moved aside.`,
    { hint: 'Move its slapos.cfg away; nothing was sent to the Master.', context: { folder } },
  );
}

function planAsking(options: RegisterOptions, facts: RegisterFacts, work: string): Step[] {
  const { site, login, masterUrl, nodeName } = options;
  const master: Step = { kind: 'contact', url: masterUrl, role: 'master' };
  if (facts.work.kept !== undefined) return [master];
  return [
    { kind: 'contact', url: site, role: 'site' },
    master,
    { kind: 'login', site, login },
    ...planRequest(work, computerRequest(site, login, nodeName), login),
  ];
}

function planReplacement(
  options: RegisterOptions,
  facts: RegisterFacts,
  work: string,
  backup: string,
): Step[] {
  const { folder } = options;
  const built = join(work, NEW);
  return [
    ...(facts.work.kept === undefined ? [] : [{ kind: 'remove', path: built } as const]),
    { kind: 'folder', path: built, mode: 0o711, shown: folder },
    ...planTree(options, built),
    ...(facts.hasConfig
      ? [{ kind: 'move', from: folder, to: backup, isFormer: true } as const]
      : []),
    { kind: 'move', from: built, to: folder, isFormer: false },
  ];
}

function planFiling(options: RegisterOptions): Step[] {
  return planTree(options, options.folder);
}

/** The configuration itself comes last: it is what makes the folder one of a node. */
function planTree({ folder, caFile }: RegisterOptions, at: string): Step[] {
  const file = (name: string, mode: number, content: 'authority' | 'certificate' | 'key') =>
    ({ kind: 'file', path: join(at, name), mode, content, shown: join(folder, name) }) as const;
  const made = (name: string) =>
    ({ kind: 'folder', path: join(at, name), mode: 0o711, shown: join(folder, name) }) as const;
  return [
    made('ssl'),
    file('ssl/key', 0o600, 'key'),
    file('ssl/certificate', 0o600, 'certificate'),
    ...(caFile === undefined ? [] : [file('ssl/master_ca.crt', 0o644, 'authority')]),
    made('ssl/partition_pki'),
    {
      kind: 'file',
      path: join(at, 'slapos.cfg'),
      mode: 0o644,
      content: 'configuration',
      shown: join(folder, 'slapos.cfg'),
    },
  ];
}

/** `<folder>.old`, then `.old.1` and so on, the first that is free. */
function backupOf(
  folder: string,
  siblings: readonly string[],
): { readonly name: string; readonly occupied: readonly string[] } {
  const taken = new Set(siblings.map((name) => join(dirname(folder), name)));
  const occupied: string[] = [];
  for (let count = 0; ; count += 1) {
    const name = `${folder}.old${count === 0 ? '' : `.${count}`}`;
    if (!taken.has(name)) return { name, occupied };
    occupied.push(name);
  }
}

function listWarnings(options: RegisterOptions, facts: RegisterFacts): string[] {
  const { note, kept } = facts.work;
  return [
    ...(facts.isInterfaceKnown
      ? []
      : [`This machine has no network interface ${options.interfaceName} now.`]),
    ...facts.closedAncestors.map(
      (path) =>
        `Other users cannot pass through ${path}: partitions need that to reach their certificates.`,
    ),
    ...(note === undefined || kept !== undefined
      ? []
      : [
          `A request for node "${note.nodeName}" was sent to ${note.site} on ${new Date(note.sentAtMs).toISOString()} and its answer never came: its token may be used up, and the node may have a certificate by now, to be revoked in the panel.`,
        ]),
    ...(options.isInsecure ? ['The certificate of the site is not checked (--insecure).'] : []),
  ];
}
