/**
 * What the keeper tells a new controller before `synced` (docs/keeper-protocol.md): gathered first,
 * acted on afterwards, so that nothing is decided on half of it. Later events are handed on.
 */
import { connectKeeper, type KeeperLink, type LinkEvent } from '../host/keeper/keeper.ts';
import type {
  ConfinementAbilities,
  ExitRecord,
  KeeperCommand,
} from '../host/keeper/keeper-event.ts';
import { ourEnds } from './process/spawner.ts';
import type { LivingProcess } from './take-over.ts';

export interface KeeperGreeting {
  readonly keeperPid: number;
  readonly bootId: string;
  readonly isTakeOver: boolean;
  readonly isStopping: boolean;
  readonly abilities: ConfinementAbilities;
  readonly keeperVersion: string;
  readonly controllerStarts: number;
  /** How to start the keeper again. */
  readonly command: KeeperCommand;
  readonly notes: ReadonlyMap<string, string>;
  readonly living: ReadonlyMap<string, LivingProcess>;
  readonly exits: readonly ExitRecord[];
}

export interface KeeperIntake {
  readonly link: KeeperLink;
  readonly greeting: KeeperGreeting;
  /** Starts handing on events; those that came meanwhile first. */
  listen(listener: (event: LinkEvent) => void): void;
}

const NO_ABILITIES: ConfinementAbilities = {
  landlock: 0,
  mounts: false,
  seccomp: false,
  cgroup: '',
  controllers: [],
};

class Gathering {
  welcome: Extract<LinkEvent, { kind: 'welcome' }> | undefined;
  readonly notes = new Map<string, string>();
  readonly living = new Map<string, LivingProcess>();
  readonly exits: ExitRecord[] = [];

  take(event: LinkEvent): void {
    if (event.kind === 'welcome') this.welcome = event;
    else if (event.kind === 'stored') this.notes.set(event.key, event.value);
    else if (event.kind === 'exit') this.exits.push(event.exit);
    else if (event.kind === 'child') {
      const { name, pid, startTicks, tag } = event.process;
      this.living.set(name, {
        pid,
        startTicks,
        tag,
        ...ourEnds(new Map(event.kept.map(({ label, fd }) => [label, fd]))),
      });
    }
  }

  greeting(): KeeperGreeting {
    const { notes, living, exits, welcome } = this;
    return {
      keeperPid: welcome?.keeperPid ?? 0,
      bootId: welcome?.bootId ?? '',
      isTakeOver: welcome?.isTakeOver ?? false,
      isStopping: welcome?.isStopping ?? false,
      abilities: welcome?.abilities ?? NO_ABILITIES,
      keeperVersion: welcome?.version ?? '',
      controllerStarts: welcome?.controllerStarts ?? 0,
      command: welcome?.command ?? { program: '', words: [], files: '' },
      notes,
      living,
      exits,
    };
  }
}

/** Connects, and resolves when the keeper has told everything. Rejects when it goes away. */
export function meetKeeper(channel: {
  readonly fd: number;
  readonly listenFd?: number;
}): Promise<KeeperIntake> {
  return new Promise((resolve, reject) => {
    const gathering = new Gathering();
    const waiting: LinkEvent[] = [];
    let isSynced = false;
    let hand = (event: LinkEvent): void => void waiting.push(event);
    const link: KeeperLink = connectKeeper(channel, (event) => {
      if (isSynced) return hand(event);
      if (event.kind === 'closed') return reject(new Error('the keeper closed the channel'));
      if (event.kind !== 'synced') return gathering.take(event);
      isSynced = true;
      resolve({
        link,
        greeting: gathering.greeting(),
        listen(listener) {
          hand = listener;
          for (const each of waiting.splice(0)) listener(each);
        },
      });
    });
  });
}
