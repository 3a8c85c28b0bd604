/**
 * The ports of a machine, fake or real, that refuse one call: the n-th file operation, read, link,
 * address, route or device asked for, as a kernel without memory would. The refused one is not done.
 */
import { HostError } from '../../src/errors/slapos-error.ts';
import type { FormatPorts, PartitionFiles } from '../../src/format/ports.ts';
import type { FileToWrite } from '../../src/host/file.ts';
import type { FolderToMake, Host, OperationResult } from '../../src/host/host.ts';

export interface RefusingPorts {
  readonly ports: FormatPorts;
  /** Calls so far, the refused one included. */
  calls(): number;
  /** What was refused; undefined when it never came to that. */
  refused(): string | undefined;
}

/** @param refuseAt Number of the call to refuse, from 0; undefined for none. */
export function refusingPorts(inner: FormatPorts, refuseAt?: number): RefusingPorts {
  let calls = 0;
  let refused: string | undefined;
  const isRefused = (what: string): boolean => {
    calls += 1;
    if (calls - 1 !== refuseAt) return false;
    refused = what;
    return true;
  };
  const single = <Area extends object>(area: Area, name: string): Area =>
    new Proxy(area, {
      get: (target, key) => {
        const method = Reflect.get(target, key);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const what = `${name}.${String(key)} ${String(args[0])} ${String(args[1])}`;
          if (isRefused(what)) throw refusal(what);
          return method.apply(target, args);
        };
      },
    });
  const batch =
    <Operation>(act: (operations: readonly Operation[]) => Promise<Results<Operation>>) =>
    async (operations: readonly Operation[]): Promise<Results<Operation>> => {
      const at = operations.findIndex((operation) => isRefused(JSON.stringify(operation)));
      if (at < 0) return act(operations);
      calls += operations.length - at - 1;
      const rest = await act(operations.toSpliced(at, 1));
      const operation = operations[at] as Operation;
      return rest.toSpliced(at, 0, { operation, error: refusal(String(refused)) });
    };
  const { host } = inner;
  const network: Host['network'] = {
    dump: (...args) => single(host.network, 'network').dump(...args),
    awaitDad: (...args) => single(host.network, 'network').awaitDad(...args),
    awaitNeighbours: (...args) => single(host.network, 'network').awaitNeighbours(...args),
    apply: batch((operations) => host.network.apply(operations)),
  };
  const taps: Host['taps'] = {
    create: batch((devices) => host.taps.create(devices)),
    delete: batch((devices) => host.taps.delete(devices)),
  };
  const partitionFiles = single(inner.partitionFiles, 'partitionFiles');
  const makeFolders = batch<FolderToMake>((folders) => host.files.makeFolders(folders));
  const writeAll: PartitionFiles['writeAll'] = async (root, files) => {
    const write = batch<FileToWrite>(async (some) => {
      const errors = await inner.partitionFiles.writeAll(root, some);
      return some.map((operation, index) => ({ operation, error: errors[index] }));
    });
    return (await write(files)).map(({ error }) => error);
  };
  return {
    ports: {
      host: {
        network,
        taps,
        accounts: single(host.accounts, 'accounts'),
        files: { ...single(host.files, 'files'), makeFolders },
        sysctl: single(host.sysctl, 'sysctl'),
      },
      partitionFiles: { ...partitionFiles, writeAll },
    },
    calls: () => calls,
    refused: () => refused,
  };
}

type Results<Operation> = ReadonlyArray<OperationResult<Operation>>;

function refusal(what: string): HostError {
  return new HostError('SLAPOS_ERR_HOST', `Refused: ${what}.`, { errno: 12, syscall: 'test' });
}
