// Files of the packages that are made from the command registry: manual pages and completions.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageName, renderCommandPage, renderMainPage } from './man-page.mjs';

/** Pages of the commands of the same group word. */
function related(command, commands) {
  const [group] = command.words.split(' ');
  return commands
    .filter((other) => other !== command && other.words.startsWith(`${group} `))
    .map(pageName);
}

/** All pages as `[file name, text]`. */
export function renderPages({ COMMANDS, GLOBAL_OPTIONS }, edition) {
  const pages = COMMANDS.map((command) => [
    `${pageName(command)}.1`,
    renderCommandPage(command, edition, related(command, COMMANDS)),
  ]);
  return [['slapos.1', renderMainPage(COMMANDS, GLOBAL_OPTIONS, edition)], ...pages];
}

/** Writes the pages into `folder`. */
export function writePages(registry, folder, edition) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of renderPages(registry, edition)) {
    writeFileSync(join(folder, name), text);
  }
}

/** Completion files by the path where each shell looks below /usr/share. */
export function renderCompletions(registry) {
  const { COMMANDS } = registry;
  return {
    'bash-completion/completions/slapos': registry.renderBashCompletion('slapos', COMMANDS),
    'fish/vendor_completions.d/slapos.fish': registry.renderFishCompletion('slapos', COMMANDS),
    'zsh/vendor-completions/_slapos': registry.renderZshCompletion('slapos', COMMANDS),
  };
}
