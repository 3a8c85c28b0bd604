import type { CommandSpec } from '../command.ts';
import { type CompletionNode, listCompletionNodes } from './completion-words.ts';

function variableOf(node: CompletionNode): string {
  return ['cmds', ...node.path].join('_').replaceAll('-', '_');
}

/** `  cmds_node='bang boot …'` for each node. */
export function renderCompletionData(commands: readonly CommandSpec[]): string {
  return listCompletionNodes(commands)
    .map((node) => `  ${variableOf(node)}='${node.words.join(' ')}'\n`)
    .join('');
}

/**
 * The completion script for bash.
 * @param name command to complete, made of letters, digits, `.`, `_`, `+` and `-`
 */
export function renderBashCompletion(name: string, commands: readonly CommandSpec[]): string {
  const variables = listCompletionNodes(commands).map(variableOf).join(' ');
  const functionName = `_${name.replace(/\W/g, '_')}`;
  return `${functionName}()
{
  local cur cword words
  COMPREPLY=()
  if declare -F _get_comp_words_by_ref > /dev/null ; then
    _get_comp_words_by_ref -n : cur cword words
  else
    words=( "\${COMP_WORDS[@]}" )
    cword=\${COMP_CWORD}
    cur=\${words[cword]}
  fi

  # Command data:
  local ${variables}
${renderCompletionData(commands)}
  local at=cmds next word
  for word in "\${words[@]:1:cword-1}" ; do
    next="\${at}_\${word//-/_}"
    [[ \${word} != -* && \${next} =~ ^[a-z0-9_]+$ && -n \${!next} ]] || continue
    at=\${next}
  done
  if [[ \${!at} == -* && \${cur} != -* ]] ; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "\${cur}")
  else
    mapfile -t COMPREPLY < <(compgen -W "\${!at}" -- "\${cur}")
  fi
  return 0
}
complete -F ${functionName} ${name}
`;
}
