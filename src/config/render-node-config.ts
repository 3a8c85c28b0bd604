/** Texts of new configuration files (spec/cli.md 10). Pure. */
import { CACHE_FILES } from './binary-cache-options.ts';
import { SIGNATURE_CERTIFICATES } from './signature-certificates.ts';

/** How the Master is recognised, where that is not as usual. */
export interface MasterTrust {
  /** Its authority, instead of those of Node and of the system. */
  readonly masterCaFile?: string;
  /** Its certificate is not checked. */
  readonly isMasterTrustedBlindly?: boolean;
}

export interface NodeConfigValues extends MasterTrust {
  readonly computerId: string;
  readonly masterUrl: string;
  /** Absent on a node that needs no certificate. */
  readonly certificates?: {
    readonly keyFile: string;
    readonly certFile: string;
    readonly repositoryPath: string;
  };
  readonly softwareRoot: string;
  readonly instanceRoot: string;
  readonly interfaceName: string;
  readonly ipv6Interface?: string | undefined;
  readonly ipv4LocalNetwork: string;
  readonly partitionAmount: number;
  /** As the command that writes it spells truth: `configure local` small, `node register` as Python. */
  readonly createTap: 'false' | 'False' | 'true' | 'True';
  /** Folder of the state file and the logs. */
  readonly home: string;
  /** Cache of software: contents and directory. */
  readonly cacheUrl?: string;
  readonly directoryUrl?: string;
}

const DEFAULT_HOME = '/opt/slapos';
const PUBLIC_CACHE = 'http://shacache.nxdcdn.com';
const PUBLIC_DIRECTORY = 'http://shadir.nxdcdn.com';

export type Line = readonly [key: string, value: string] | string;

/** The text of slapos.cfg. */
export function renderNodeConfig(values: NodeConfigValues): string {
  return [
    renderSection('slapos', slaposLines(values)),
    renderSection('slapformat', slapformatLines(values)),
    renderSection('disabled-firewall', firewallLines(values.home)),
    renderSection('networkcache', networkcacheLines(values)),
    renderSection('collect', [
      ['enable', 'True'],
      ['time_cycle', '86400'],
      ['pid_folder', `${values.instanceRoot}/var/run`],
      ['use_quota', 'False'],
    ]),
  ].join('\n');
}

/** A text is a comment line; in values `%` starts a reference and is doubled. */
export function renderSection(name: string, lines: readonly Line[]): string {
  const texts = lines.map((line) => {
    if (typeof line === 'string') return `# ${line}\n`;
    const value = line[1].replaceAll('%', '%%').replaceAll('\n', '\n  ');
    return `${line[0]} =${value === '' || value.startsWith('\n') ? '' : ' '}${value}\n`;
  });
  return `[${name}]\n${texts.join('')}`;
}

function slaposLines(values: NodeConfigValues): Line[] {
  const { certificates } = values;
  return [
    ['computer_id', values.computerId],
    ['master_url', values.masterUrl],
    ...trustLines(values),
    ...(certificates === undefined
      ? []
      : ([
          ['key_file', certificates.keyFile],
          ['cert_file', certificates.certFile],
          ['certificate_repository_path', certificates.repositoryPath],
        ] as const)),
    ['software_root', values.softwareRoot],
    ['instance_root', values.instanceRoot],
    ...pidfileLines(values.home),
    'Folders of parts that several software releases share; the last one is written to.',
    'shared_part_list =',
    `  ${values.softwareRoot}/read_only_shared`,
    `  ${values.softwareRoot}/shared`,
  ];
}

export function trustLines({ masterCaFile, isMasterTrustedBlindly }: MasterTrust): Line[] {
  return [
    ...(masterCaFile === undefined ? [] : [['master_ca_file', masterCaFile] as const]),
    ...(isMasterTrustedBlindly === true ? [['master_tls_verify', 'false'] as const] : []),
  ];
}

/** The built-in pid files stand in the default home; a node elsewhere has its own. */
function pidfileLines(home: string): Line[] {
  if (home === DEFAULT_HOME) return [];
  return [
    ['pidfile_software', `${home}/slapgrid-sr.pid`],
    ['pidfile_instance', `${home}/slapgrid-cp.pid`],
    ['pidfile_report', `${home}/slapgrid-ur.pid`],
  ];
}

function slapformatLines(values: NodeConfigValues): Line[] {
  const { ipv6Interface } = values;
  return [
    ['interface_name', values.interfaceName],
    ...(ipv6Interface === undefined ? [] : [['ipv6_interface', ipv6Interface] as const]),
    ['create_tap', values.createTap],
    ['partition_amount', String(values.partitionAmount)],
    ['computer_xml', `${values.home}/slapos.xml`],
    ['log_file', `${values.home}/log/slapos-node-format.log`],
    ['partition_base_name', 'slappart'],
    ['user_base_name', 'slapuser'],
    ['tap_base_name', 'slaptap'],
    ['tap_ipv6', 'true'],
    ['ipv4_local_network', values.ipv4LocalNetwork],
    'Bits that IPv6 ranges of partitions have more than the prefix of the interface.',
    'ipv6_prefixshift = 16',
  ];
}

/** Rename the section to `firewall` to use it. */
function firewallLines(home: string): Line[] {
  const parts = `${home}/parts`;
  return [
    'Name this section firewall to enable it.',
    ['dbus_executable', `${parts}/dbus/bin/dbus-daemon --nofork --nopidfile --system --nosyslog`],
    [
      'firewall_executable',
      `${parts}/firewalld/sbin/firewalld --nofork --nopid --log-file ${home}/log/firewalld-process.log`,
    ],
    ['firewall_cmd', `${parts}/firewalld/bin/firewall-cmd`],
    ['reload_config_cmd', `${parts}/firewalld/bin/firewall-cmd --reload`],
    ['log_file', `${home}/log/firewalld.log`],
    ['dbus_log_file', `${home}/log/dbus.log`],
    ['authorized_sources', ''],
  ];
}

function networkcacheLines(values: NodeConfigValues): Line[] {
  const cacheUrl = values.cacheUrl ?? PUBLIC_CACHE;
  const directoryUrl = values.directoryUrl ?? PUBLIC_DIRECTORY;
  const blacklist = `\n${cacheBlacklist().join('\n')}`;
  return [
    ['download-binary-cache-url', cacheUrl],
    ['download-binary-dir-url', directoryUrl],
    ['download-cache-url', cacheUrl],
    ['download-dir-url', directoryUrl],
    'To upload what this node builds:',
    ...UPLOAD_KEYS.map((key) => `${key} =`),
    ['signature-certificate-list', `\n${SIGNATURE_CERTIFICATES.join('\n')}`],
    'Software of moving branches never comes from the binary cache, nor goes there.',
    ['download-from-binary-cache-url-blacklist', blacklist],
    ['upload-to-binary-cache-url-blacklist', blacklist],
    'download-from-binary-cache-force-url-list =',
  ];
}

const UPLOAD_KEYS = [
  'signature-private-key-file',
  'upload-binary-cache-url',
  'upload-binary-dir-url',
  'upload-cache-url',
  'upload-dir-url',
  ...CACHE_FILES,
];

function cacheBlacklist(): string[] {
  const hosts = ['lab.nexedi.cn', 'lab.nexedi.com', 'lab.nxdcdn.com'];
  const branches = ['master', '1.0/', 'erp5'];
  const raw = ['-/raw', 'raw'].flatMap((folder) =>
    hosts.flatMap((host) =>
      branches.map((branch) => `https://${host}/nexedi/slapos/${folder}/${branch}`),
    ),
  );
  const old = 'http://git.erp5.org/gitweb/slapos.git/blob_plain';
  return [...raw, `${old}/HEAD`, `${old}/refs/heads`, '/'];
}

export interface ProxyConfigValues {
  readonly instanceRoot: string;
  readonly softwareRoot: string;
  readonly computerId: string;
  readonly host: string;
  readonly port: number;
  readonly databaseUri: string;
  /** Folder of the caching proxy; absent for none. */
  readonly shacacheFolder?: string;
}

/** The text of slapos-proxy.cfg. */
export function renderProxyConfig(values: ProxyConfigValues): string {
  return [
    renderSection('slapos', [
      ['instance_root', values.instanceRoot],
      ['software_root', values.softwareRoot],
      ['computer_id', values.computerId],
    ]),
    renderSection('slapproxy', [
      ['host', values.host],
      ['port', String(values.port)],
      ['database_uri', values.databaseUri],
      ...shacacheLines(values),
      ['software_product_list', `\n${softwareProducts().join('\n')}`],
    ]),
    '# Software that another Master provides is requested there:\n' +
      '# [multimaster/https://slap.example.com/]\n# key = /path/of/key\n# cert = /path/of/certificate\n' +
      '# software_release_list =\n#   https://example.com/software.cfg\n',
  ].join('\n');
}

function shacacheLines({ shacacheFolder, instanceRoot }: ProxyConfigValues): Line[] {
  const folder = shacacheFolder ?? `${instanceRoot}/shacache`;
  const lines = [
    ['shacache-content-directory', `${folder}/data`],
    ['shacache-metadata-directory', `${folder}/dir`],
    ['shacache-signing-key-path', `${folder}/signing-key.pem`],
    ['shacache-upstream-cache-url', PUBLIC_CACHE],
    ['shacache-upstream-dir-url', PUBLIC_DIRECTORY],
  ] as const;
  if (shacacheFolder !== undefined) return [...lines];
  return lines.map(([key, value]) => `${key} = ${value}`);
}

const PRODUCTS: ReadonlyArray<readonly [name: string, folder: string]> = [
  ['erp5', 'erp5'],
  ['kvm', 'kvm'],
  ['slaprunner', 'slaprunner'],
  ['frontend', 'apache-frontend'],
  ['monitor', 'monitor'],
  ['cloudooo', 'cloudooo'],
  ['wendelin', 'wendelin'],
];

function softwareProducts(): string[] {
  const root = 'https://lab.node.vifib.com/nexedi/slapos/raw/1.0.48/software';
  return PRODUCTS.map(([name, folder]) => `${name} ${root}/${folder}/software.cfg`);
}
