/** Values of the marshalled XML of SLAP (spec/slap-protocol.md 1). */
export type MarshalValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | MarshalFloat
  | MarshalTuple
  | MarshalObject
  | MarshalFragment
  | readonly MarshalValue[]
  | { readonly [key: string]: MarshalValue }
  | MarshalMap;

/** A dictionary with a key that is not a string: SLAP never sends one, the format allows it. */
export type MarshalMap = ReadonlyMap<MarshalKey, MarshalValue>;
export type MarshalKey = null | boolean | number | bigint | string | MarshalFloat;

/** A Python float: kept apart from int because `1.0` and `1` differ on the wire. */
export class MarshalFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A Python tuple: has no id on the wire. */
export class MarshalTuple {
  readonly items: readonly MarshalValue[];
  constructor(items: readonly MarshalValue[]) {
    this.items = items;
  }
}

export const MARSHAL_CLASSES = [
  'Computer',
  'ComputerPartition',
  'SoftwareRelease',
  'SoftwareInstance',
] as const;
export type MarshalClassName = (typeof MARSHAL_CLASSES)[number];

/** An instance of one of the four classes of module `slapos.slap.slap`. */
export class MarshalObject {
  readonly className: MarshalClassName;
  readonly initArgs: readonly MarshalValue[];
  readonly attributes: { readonly [key: string]: MarshalValue };
  constructor(
    className: MarshalClassName,
    initArgs: readonly MarshalValue[],
    attributes: { readonly [key: string]: MarshalValue },
  ) {
    this.className = className;
    this.initArgs = initArgs;
    this.attributes = attributes;
  }
}

/** How a value stands in a document: what it is indented by, and the last id before it. */
export interface MarshalForm {
  readonly isIndented: boolean;
  readonly indent: string;
  readonly lastId: number;
}

/** A value that writes itself, for what can be written faster than piece by piece. */
export class MarshalFragment {
  readonly write: (form: MarshalForm) => { readonly text: string; readonly lastId: number };
  constructor(write: MarshalFragment['write']) {
    this.write = write;
  }
}
