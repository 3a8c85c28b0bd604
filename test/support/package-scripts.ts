/** The scripts that make packages, which are plain JavaScript, with the types that tests need. */
import { join } from 'node:path';
import type { CommandSpec, OptionSpec } from '../../src/cli/command.ts';

export const repository = join(import.meta.dirname, '..', '..');
const folder = join(repository, 'scripts', 'package');

interface Registry {
  readonly COMMANDS: readonly CommandSpec[];
  readonly GLOBAL_OPTIONS: readonly OptionSpec[];
  renderUdevRule(options: { readonly tapBaseName: string }): string;
}

interface Edition {
  readonly date: string;
  readonly version: string;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licence?: string;
  readonly integrity?: string;
  readonly texts?: readonly string[];
}

interface Scripts {
  escapeRoff(text: string): string;
  renderPages(registry: Registry, edition: Edition): ReadonlyArray<readonly [string, string]>;
  renderCompletions(registry: Registry): Readonly<Record<string, string>>;
  loadRegistry(): Promise<Registry>;
  renderSbom(subject: Component, components: readonly Component[], dateS: number): string;
  wheelComponents(folder: string): readonly Component[];
  renderLicences(components: readonly Component[]): string;
  readonly debianVersion: string;
  findMaintainer(
    given: string | undefined,
    env: Readonly<Record<string, string | undefined>>,
  ): string;
  renderControl(architecture: string, installedKib: string, maintainer: string): string;
  packedManifest(architectures: readonly string[]): Readonly<Record<string, unknown>>;
  stagePackage(
    folder: string,
    options: { readonly prebuilt: Readonly<Record<string, string>> },
  ): string;
}

/** @param name file in scripts/package */
export async function loadScript<Name extends keyof Scripts>(
  name: string,
): Promise<Pick<Scripts, Name>> {
  return (await import(join(folder, name))) as Pick<Scripts, Name>;
}
