// Manual pages in roff (man(7)) from the command registry: slapos(1), and one page a command.

const STATUSES = [
  [0, 'done'],
  [1, 'failed; the log says what and where'],
  [2, 'wrong options, a failed promise, or a Master that was not told'],
  [3, 'instances were processed without the Master'],
  [5, 'not root, or no such command'],
  [6, 'node format --check: there is something to do'],
  [10, 'another slapos process holds the pid file'],
];

const FILES = [
  ['/etc/opt/slapos/slapos.cfg', 'configuration of the node; SLAPOS_CONFIGURATION names another'],
  [
    '~/.slapos/slapos-client.cfg',
    'configuration of request, supply, remove, service, computer and console; ' +
      'SLAPOS_CLIENT_CONFIGURATION names another',
  ],
];

/** Text as roff prints it: no request at the start of a line, no escape, ASCII dashes. */
export function escapeRoff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&');
}

const bold = (text) => `\\fB${escapeRoff(text)}\\fR`;
const italic = (text) => `\\fI${escapeRoff(text)}\\fR`;

export function pageName(command) {
  return ['slapos', ...command.words.split(' ')].join('-');
}

function metavarOf(option) {
  return option.metavar ?? option.choices?.join('|') ?? option.name.toUpperCase();
}

function optionTerm(option) {
  const value = italic(metavarOf(option));
  const suffix = { flag: '', value: ` ${value}`, list: ` ${value} ...`, optional: `[=${value}]` };
  return option.flags.map(bold).join(', ') + suffix[option.arity];
}

function items(pairs) {
  return pairs.map(([term, text]) => `.TP\n${term}\n${escapeRoff(text)}\n`).join('');
}

function section(title, body) {
  return body === '' ? '' : `.SH ${title}\n${body}`;
}

function optionItems(options) {
  return items(
    options
      .filter((option) => option.isHidden !== true)
      .map((option) => [optionTerm(option), `${option.help}.`]),
  );
}

function positionalTerm({ name, arity }) {
  const word = italic(name);
  if (arity === 'one') return word;
  return arity === 'optional' ? `[${word}]` : `[${word} ...]`;
}

function examples(command) {
  const lines = (command.examples ?? []).map((line) => `${escapeRoff(line)}\n`).join('');
  return lines === '' ? '' : `.nf\n${lines}.fi\n`;
}

function heading(name, { date, version }) {
  return `.TH ${escapeRoff(name.toUpperCase())} 1 "${date}" "slapos\\-node ${escapeRoff(version)}" "SlapOS"\n`;
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

/**
 * The page of one command.
 * @param edition date (YYYY-MM-DD) and version of the package
 * @param related names of other pages
 */
export function renderCommandPage(command, edition, related) {
  const words = (command.positionals ?? []).map((each) => ` ${positionalTerm(each)}`).join('');
  const synopsis = `${bold(`slapos ${command.words}`)} [${italic('options')}]${words}\n`;
  const described = (command.positionals ?? []).map((each) => [positionalTerm(each), each.help]);
  const seeAlso = ['slapos', ...related].map((name) => `.BR ${escapeRoff(name)} (1)`);
  const missing =
    command.load === undefined && command.words !== 'help'
      ? '.PP\nThis version does not have the command yet.\n'
      : '';
  return [
    heading(pageName(command), edition),
    section('NAME', `${escapeRoff(pageName(command))} \\- ${escapeRoff(command.summary)}\n`),
    section('SYNOPSIS', synopsis),
    section(
      'DESCRIPTION',
      `${escapeRoff(sentence(command.description ?? command.summary))}\n${missing}`,
    ),
    section('ARGUMENTS', items(described)),
    section('OPTIONS', optionItems(command.options)),
    section('EXIT STATUS', '0 when it is done; the others are listed in\n.BR slapos (1).\n'),
    section('EXAMPLES', examples(command)),
    section('SEE ALSO', `${seeAlso.join(',\n')}\n`),
  ].join('');
}

/** The page slapos(1): global options, commands by group, exit statuses, files. */
export function renderMainPage(commands, globalOptions, edition) {
  const groups = [...new Set(commands.map((command) => command.group))].sort();
  const listed = groups.map((group) => {
    const members = commands.filter((command) => command.group === group);
    const pairs = members.map((command) => [bold(command.words), command.summary]);
    return `.SS ${group} commands\n${items(pairs)}`;
  });
  const seeAlso = commands.map((command) => `.BR ${escapeRoff(pageName(command))} (1)`);
  return [
    heading('slapos', edition),
    section('NAME', 'slapos \\- node of the SlapOS cloud: computer partitions on a Linux host\n'),
    section('SYNOPSIS', `${bold('slapos')} [${italic('options')}] ${italic('command')} ...\n`),
    section(
      'DESCRIPTION',
      'Makes computer partitions of a Linux host, installs software releases in them, runs and\n' +
        'supervises their services, checks their promises and records what each consumes, as a\n' +
        'SlapOS Master says. The options below may stand anywhere on the line.\n',
    ),
    section('OPTIONS', optionItems(globalOptions)),
    section('COMMANDS', listed.join('')),
    section('EXIT STATUS', items(STATUSES)),
    section('FILES', items(FILES.map(([path, text]) => [italic(path), text]))),
    section('SEE ALSO', `${seeAlso.join(',\n')}\n`),
  ].join('');
}
