/** Which Python bootstraps a software release. */
import { join } from 'node:path';
import { SlaposError } from '../errors/slapos-error.ts';

/** Runs zc.buildout in a Python that can import it; upstream's `-S` is left out on purpose. */
export const BOOTSTRAP_CODE =
  'import sys; from zc.buildout.buildout import main; sys.exit(main(sys.argv[1:]))';
const IMPORT_CODE = 'import zc.buildout.buildout';

export interface PythonCandidate {
  readonly python: string;
  /** For messages: where the candidate comes from. */
  readonly origin: string;
  /** The operator named it: nothing else is tried when it does not work. */
  readonly isChosen: boolean;
}

/** What stands before the parameters of a bootstrap. */
export interface BootstrapCommand {
  readonly argv: readonly string[];
}

export interface BuildoutSearch {
  readonly buildoutPython: string | undefined;
  readonly buildoutScript: string | undefined;
  /** Folder of slapos-node. */
  readonly packageRoot: string;
  /** `PATH` of the node. */
  readonly searchPath: string;
}

/** How the search looks at the machine. */
export interface PythonProbe {
  exists(path: string): Promise<boolean>;
  /** Whether it can be executed by the user that builds, with the reason when it cannot. */
  tryPython(argv: readonly string[]): Promise<{ readonly isUsable: boolean; readonly why: string }>;
  /** Words of the script's shebang line. */
  readShebang(script: string): Promise<readonly string[]>;
}

/** Pythons in the order in which they are tried. */
export function pythonCandidates(search: BuildoutSearch): readonly PythonCandidate[] {
  if (search.buildoutPython !== undefined) {
    return [{ python: search.buildoutPython, origin: 'buildout_python', isChosen: true }];
  }
  const bundled = join(search.packageRoot, '.venv', 'buildout', 'bin', 'python');
  const folders = search.searchPath.split(':').filter((folder) => folder.startsWith('/'));
  const systemFolders = ['/usr/local/bin', '/usr/bin', '/bin'];
  const found = [...new Set([...folders, ...systemFolders])].map((folder) => ({
    python: join(folder, 'python3'),
    origin: 'PATH',
    isChosen: false,
  }));
  return [{ python: bundled, origin: 'npm run setup', isChosen: false }, ...found];
}

/**
 * Finds what bootstraps: `buildout_python`, else the script of key `buildout` by its own shebang,
 * else the environment that `npm run setup` prepares, else the first python3 that can import it.
 * @throws SlaposError SLAPOS_ERR_BUILDOUT_MISSING naming what was tried and how to fix it.
 */
export async function findBootstrap(
  search: BuildoutSearch,
  probe: PythonProbe,
): Promise<BootstrapCommand> {
  if (search.buildoutPython === undefined && search.buildoutScript !== undefined) {
    return { argv: [...(await probe.readShebang(search.buildoutScript)), search.buildoutScript] };
  }
  const refused: string[] = [];
  for (const { python, origin } of pythonCandidates(search)) {
    if (!(await probe.exists(python))) {
      if (origin !== 'PATH') refused.push(`${python} (${origin}): does not exist`);
      continue;
    }
    const { isUsable, why } = await probe.tryPython([python, '-c', IMPORT_CODE]);
    if (isUsable) return { argv: [python, '-c', BOOTSTRAP_CODE] };
    refused.push(`${python} (${origin}): ${why}`);
  }
  throw missing(refused);
}

function missing(refused: readonly string[]): SlaposError {
  const tried = refused.length === 0 ? 'no python3 was found' : refused.join('; ');
  return new SlaposError(
    'SLAPOS_ERR_BUILDOUT_MISSING',
    `No Python that the software user can run has zc.buildout: ${tried}.`,
    {
      hint: 'Run `npm run setup`, or give [slapos] buildout_python a Python with zc.buildout in a folder that every user can read.',
    },
  );
}
