export type KeyType =
  | 'text'
  | 'path'
  | 'url'
  | 'integer'
  | 'boolean'
  | 'lines'
  | 'names'
  | 'size'
  | 'network'
  | 'choice';

export interface KeySpec {
  readonly key: string;
  readonly type: KeyType;
  /** Value in effect when the key is absent; none when nothing is assumed. */
  readonly preset?: string;
  readonly choices?: readonly string[];
  /** Commands that read it; `node *` stands for software, instance, report and promise. */
  readonly readers: readonly string[];
  /** Spellings that are accepted too, in order of preference. */
  readonly oldNames?: readonly string[];
  readonly isRequired?: boolean;
  /** Only slapos-node has it. */
  readonly isOurs?: boolean;
  /** Accepted and without effect. */
  readonly isIgnored?: boolean;
  readonly about: string;
}

export interface SectionSpec {
  readonly name: string;
  /** The name is followed by `/` and something of the user's choice. */
  readonly isPrefix?: boolean;
  /** Sections to look in, the one that wins first; or in file order, with another section. */
  readonly precedence: readonly string[] | 'file order';
  readonly with?: string;
  /** Shown only when the file has it: its presence turns something on. */
  readonly isFeature?: boolean;
  readonly keys: readonly KeySpec[];
}

type Details = Partial<Omit<KeySpec, 'key' | 'type' | 'about'>>;

/** Shortens the rows of the tables. */
export function keysReadBy(...readers: readonly string[]) {
  return (key: string, type: KeyType, about: string, details: Details = {}): KeySpec => ({
    key,
    type,
    about,
    readers,
    ...details,
  });
}
