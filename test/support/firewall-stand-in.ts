/** A firewall-cmd that keeps chains and rules in files, and notes every command line. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPT = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> commands
has() { grep -qxF -e "$2" "$1" && echo yes || { echo no; exit 1; }; }
drop() { grep -vxF -e "$2" "$1" > "$1.new"; mv "$1.new" "$1"; echo success; }
[ "$1" != --reload ] || { cp rules loaded; echo success; exit; }
shift 2
verb=$1
shift
case $verb in
  --get-all-rules) cat rules ;;
  --query-rule) has rules "$*" ;;
  --add-rule) echo "$*" >> rules; echo success ;;
  --remove-rule) drop rules "$*" ;;
  --remove-rules) grep -v -e "^$* " rules > rules.new; mv rules.new rules; echo success ;;
  --query-chain) has chains "$*" ;;
  --add-chain) echo "$*" >> chains; echo success ;;
  --remove-chain) drop chains "$*" ;;
  *) echo "unknown $verb" >&2; exit 2 ;;
esac
`;

export function createFirewallStandIn(folder: string) {
  mkdirSync(folder);
  const program = join(folder, 'firewall-cmd');
  writeFileSync(program, SCRIPT, { mode: 0o755 });
  for (const name of ['rules', 'chains', 'commands']) writeFileSync(join(folder, name), '');
  const lines = (name: string) =>
    existsSync(join(folder, name))
      ? readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)
      : [];
  return {
    program,
    rules: () => lines('rules'),
    chains: () => lines('chains'),
    /** Rules at the last reload. */
    loaded: () => lines('loaded'),
    commands: () => lines('commands'),
  };
}
