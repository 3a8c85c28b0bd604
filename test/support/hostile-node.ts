/** A node of two partitions with real programs, on which the user of the first may do its worst. */
import { readFileSync } from 'node:fs';
import { partitionUid } from './grid-site.ts';
import { HostileProgram } from './hostile-program.ts';
import { InstanceNode } from './instance-node.ts';
import { writeToEtc } from './private-etc.ts';

const RELEASE = 'https://host/software.cfg';
const SETTINGS = `promise_timeout = 2
partition_timeout = 2
report_timeout = 2
[slapformat]
partition_amount = 2
partition_base_name = slappart
user_base_name = siteuser
`;

export const HOSTILE_UID = partitionUid(0);

/** An {@link InstanceNode} with both instances wished started, and the program of the hostile user. */
export class HostileNode extends InstanceNode {
  readonly hostile = new HostileProgram();
  readonly #passwd = readFileSync('/etc/passwd', 'utf8');

  constructor() {
    super({ partitions: 2, releases: [RELEASE], settings: SETTINGS });
  }

  override async open(): Promise<void> {
    // At home in the partition, as `node format` makes that user.
    const home = `$1:${this.site.path('slappart0')}:`;
    writeToEtc('passwd', this.#passwd.replace(/^(siteuser0:.*):\/srv:/m, home));
    await super.open();
    this.master.releases = [RELEASE];
    this.wish('started', '1');
  }

  override async close(): Promise<void> {
    writeToEtc('passwd', this.#passwd);
    this.hostile.remove();
    await super.close();
  }

  wish(
    state: 'started' | 'stopped' | 'destroyed',
    timestamp: string,
    ids: readonly string[] = this.ids,
  ): void {
    for (const id of ids) this.master.wishes.set(id, { state, release: RELEASE, timestamp });
  }
}
