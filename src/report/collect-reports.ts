/**
 * Gathers what the scripts of partitions wrote, and what `node collect` wrote for them (spec/grid.md
 * 8.3). Sizes and numbers are bounded, since partitions decide upon both.
 */
import { errorCode, errorMessage, isSlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { Partition } from '../instance/partition.ts';
import { printableName } from '../log/printable.ts';
import { parsePartitionReport, renderMovement } from './consumption.ts';

export const REPORTS = 'var/xml_report';

/** A report file that was read and is to be deleted once the Master has its content. */
export interface ReportFile {
  readonly folder: OwnedFolder;
  readonly file: string;
}

export interface PartitionConsumption {
  readonly partitionId: string;
  /** The `<movement>` elements of the valid files as the aggregate has them. */
  readonly movements: string;
  readonly files: readonly ReportFile[];
  /** False when something could not be read just now: there may be more. */
  readonly isComplete: boolean;
}

/** Of the machine, and nothing that the owner of a partition can bring about. */
const MACHINE_FAILURES = new Set(['EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'ESTALE']);

/** A movement takes some 250 bytes. */
export const LARGEST_REPORT_BYTES = 512 * 1024;
/** How much is read for a partition in a pass; the rest is read by the next one. */
const BYTES_OF_A_PASS = LARGEST_REPORT_BYTES;
const MOST_WARNINGS = 10;

/** Reads the valid reports of a partition; invalid ones are left in place. */
export async function collectPartitionReports(
  context: GridContext,
  partition: Partition,
): Promise<PartitionConsumption> {
  const root = context.host.openFolder(context.options.instanceRoot);
  const reader = new ReportReader(context, partition.id);
  await reader.readFolder(partition.folder, REPORTS);
  await reader.readFolder(root, `${REPORTS}/${partition.id}`);
  return reader.result();
}

class ReportReader {
  readonly #context: GridContext;
  readonly #partitionId: string;
  readonly #movements: string[] = [];
  readonly #files: ReportFile[] = [];
  #bytesLeft = BYTES_OF_A_PASS;
  #warnings = 0;
  #isComplete = true;

  constructor(context: GridContext, partitionId: string) {
    this.#context = context;
    this.#partitionId = partitionId;
  }

  async readFolder(folder: OwnedFolder, path: string): Promise<void> {
    const names = await folder.list(path).catch((error: unknown) => {
      this.#refused(error, 'Nothing in it is reported.');
      return [];
    });
    for (const name of names) {
      if (this.#bytesLeft <= 0) {
        this.#context.log.warning(
          `${folder.path}/${path} holds more than is reported in one run: the rest is left for the next one.`,
        );
        return;
      }
      await this.#readFile(folder, `${path}/${name}`);
    }
  }

  result(): PartitionConsumption {
    const hidden = this.#warnings - MOST_WARNINGS;
    if (hidden > 0) {
      this.#context.log.warning(
        `${hidden} more files of partition ${this.#partitionId} are no reports.`,
      );
    }
    const movements = this.#movements.join('');
    const isComplete = this.#isComplete;
    return { partitionId: this.#partitionId, movements, files: this.#files, isComplete };
  }

  async #readFile(folder: OwnedFolder, file: string): Promise<void> {
    try {
      const bytes = await folder.readSole(file, LARGEST_REPORT_BYTES);
      if (bytes === undefined) return;
      this.#bytesLeft -= bytes.length;
      const report = parsePartitionReport(bytes);
      if (typeof report === 'string') {
        this.#warn(
          `${printableName(`${folder.path}/${file}`)} is no report: ${report.replace(/\.$/, '')}.`,
        );
        return;
      }
      this.#movements.push(...report.map((each) => renderMovement(each, this.#partitionId)));
      this.#files.push({ folder, file });
    } catch (error) {
      this.#refused(error, 'It is not reported.');
    }
  }

  #refused(error: unknown, consequence: string): void {
    this.#warn(`${errorMessage(error)} ${consequence}`);
    const code = isSlaposError(error) ? error.context['code'] : errorCode(error);
    if (MACHINE_FAILURES.has(String(code))) this.#isComplete = false;
  }

  #warn(text: string): void {
    this.#warnings += 1;
    if (this.#warnings <= MOST_WARNINGS) this.#context.log.warning(text);
  }
}
