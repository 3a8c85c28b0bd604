/** What the judgements of `node doctor` are made from. Texts of files are undefined when missing. */
import type { NetworkState } from '../host/host.ts';

export interface NodeSettings {
  readonly instanceRoot: string | undefined;
  readonly softwareRoot: string | undefined;
  readonly masterUrl: string | undefined;
  readonly interfaceName: string | undefined;
  /** Where IPv6 addresses go; the interface unless the configuration names another. */
  readonly ipv6Interface: string | undefined;
  readonly isTapCreated: boolean;
  readonly isBridgeCreated: boolean;
  readonly partitionAmount: number;
  /** Path of the firewall's command where one is configured. */
  readonly firewallCommand: string | undefined;
  readonly keyFile: string | undefined;
  readonly certFile: string | undefined;
}

export interface KernelFacts {
  /** As uname(2) says it, such as `6.1.0-18-amd64`. */
  readonly release: string;
  readonly hasOpenat2: boolean;
  readonly hasPidfd: boolean;
  readonly hasTun: boolean;
  readonly hasPressure: boolean;
  readonly mountinfo: string;
  /** Why there is no BPF reader; empty when there is one. */
  readonly bpfProblem: string;
}

export interface NetworkFacts {
  readonly state: NetworkState;
  /** Values of sysctls by name with dots; undefined when missing. */
  readonly sysctls: ReadonlyMap<string, number | undefined>;
}

export interface FolderFacts {
  /** Key of the configuration, such as `instance_root`. */
  readonly key: string;
  readonly path: string;
  /** Undefined when it does not exist. */
  readonly status:
    | { readonly kind: string; readonly mode: number; readonly uid: number }
    | undefined;
  readonly freeBytes: number;
  readonly freeFiles: number;
  /** Options of the mount that holds it, such as `rw,nosuid`. */
  readonly mountOptions: readonly string[];
}

export interface CertificateFacts {
  readonly certFile: string;
  readonly keyFile: string;
  /** Undefined when it cannot be read; `reason` says why. */
  readonly certificate:
    | { readonly subject: string; readonly expiresAtMs: number; readonly isOfKey: boolean }
    | undefined;
  readonly reason: string;
  /** Permission bits of the key; undefined when it is missing. */
  readonly keyMode: number | undefined;
}

export interface MasterFacts {
  readonly url: string;
  /** Empty when it answered for this computer. */
  readonly failure: string;
  readonly hint: string;
  /** Its clock less ours, by the `Date` of an answer; undefined when it told none. */
  readonly clockAheadMs: number | undefined;
}

export interface SupervisorFacts {
  readonly state: 'running' | 'foreign' | 'absent';
}

export interface DoctorFacts {
  readonly nowMs: number;
  readonly isRoot: boolean;
  readonly settings: NodeSettings;
  readonly kernel: KernelFacts;
  readonly network: NetworkFacts;
  readonly folders: readonly FolderFacts[];
  /** Programs that were found, by name. */
  readonly programs: ReadonlyMap<string, string | undefined>;
  /** Why software cannot be built; empty when it can, undefined when nobody could try. */
  readonly buildoutProblem: string | undefined;
  readonly limits: { readonly openFiles: number; readonly pids: number; readonly allFiles: number };
  readonly certificate: CertificateFacts | undefined;
  readonly master: MasterFacts | undefined;
  readonly supervisor: SupervisorFacts;
  /** Lines about the configuration that nobody reads, or that is missing. */
  readonly configurationProblems: readonly string[];
}
