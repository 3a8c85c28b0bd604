/** The partition's `buildout.cfg`: the template of the software and a tail of facts (spec/grid.md 7.3.5). */

export interface ProfileFacts {
  readonly computerId: string;
  readonly partitionId: string;
  readonly masterUrl: string;
  readonly softwareReleaseUrl: string;
  readonly keyFile: string;
  readonly certFile: string;
  /** One path per line, as in slapos.cfg. */
  readonly sharedPartList: string;
  readonly buildTimePartList: string;
  readonly requestedState: string;
  readonly storageHome: string;
  readonly ipv4GlobalNetwork: string;
}

/** Sections that the template already has are repeated on purpose: buildout merges them, later wins. */
export function renderInstanceProfile(template: string, facts: ProfileFacts): string {
  return `${template}\n\n${renderTail(facts)}`;
}

function renderTail(facts: ProfileFacts): string {
  return `[buildout]
bin-directory = \${buildout:directory}/sbin
offline = true
[slap-connection]
computer-id = ${facts.computerId}
partition-id = ${facts.partitionId}
server-url = ${facts.masterUrl}
software-release-url = ${facts.softwareReleaseUrl}
key-file = ${facts.keyFile}
cert-file = ${facts.certFile}
shared-part-list =
  ${renderList(facts.sharedPartList)}
build-time-part-list =
  ${renderList(facts.buildTimePartList)}
requested-state = ${facts.requestedState}
[slap_connection]
computer_id = ${facts.computerId}
partition_id = ${facts.partitionId}
server_url = ${facts.masterUrl}
software_release_url = ${facts.softwareReleaseUrl}
key_file = ${facts.keyFile}
cert_file = ${facts.certFile}
[storage-configuration]
storage-home = ${facts.storageHome}
[network-information]
global-ipv4-network = ${facts.ipv4GlobalNetwork}
`;
}

function renderList(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n  ');
}
