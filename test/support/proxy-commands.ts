/** Commands of the model of a proxy as calls, and documents and answers as the model has them. */
import fc from 'fast-check';
import { encodeMarshal } from '../../src/slap/marshal.ts';
import type { MarshalObject, MarshalValue } from '../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../src/slap/unmarshal.ts';
import { computerDocument } from './proxy-fixture.ts';
import type { Command, Outcome, Place, ProxyModel } from './proxy-model.ts';
import { ask, type Call, get, post } from './proxy-peers.ts';
import type { SeenSlot } from './proxy-slots.ts';

export const COMPUTERS = ['COMP-1', 'COMP-2'] as const;
const TITLES = ['a', 'b', 'c', 'a_b', "it's <é>"] as const;
const SOFTWARE = ['https://example.com/one.cfg', '/opt/two.cfg'] as const;
const TYPES = [
  'default',
  'default',
  'default',
  'default',
  'frontend',
  '',
  'RootSoftwareInstance',
] as const;
const STATES = [null, null, 'started', 'started', 'stopped', 'destroyed'] as const;

const texts = fc.dictionary(fc.constantFrom('p', 'q'), fc.constantFrom('1', '2', 'é & <>'), {
  maxKeys: 2,
});
const place = fc
  .tuple(fc.constantFrom('COMP-1', 'COMP-1', 'COMP-2'), fc.integer({ min: 0, max: 5 }))
  .map(([computer, index]): Place => `${computer}/slappart${index}`);
/** Mostly where instances are. */
const asker = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Place[]>('COMP-1/slappart0', 'COMP-1/slappart1') },
  { weight: 1, arbitrary: place },
);
const title = fc.constantFrom(...TITLES);
const wanted = {
  title,
  from: fc.option(asker, { freq: 2 }),
  state: fc.constantFrom(...STATES),
  software: fc.constantFrom(SOFTWARE[0], SOFTWARE[0], ...SOFTWARE),
  type: fc.constantFrom(...TYPES),
  parameters: texts,
  computer: fc.constantFrom(null, null, null, ...COMPUTERS),
};
/** Few of them, so that the same ones come again. */
const shared = {
  ...wanted,
  title: fc.constantFrom('s', 'a'),
  from: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: asker }),
  state: fc.constantFrom(null, null, 'started', 'destroyed'),
  software: fc.constantFrom(SOFTWARE[0], SOFTWARE[0], SOFTWARE[0], SOFTWARE[1]),
};
const host = fc.constantFrom(null, null, null, 'slappart0', 'COMP-1-slappart1');
const slave = fc.tuple(fc.constantFrom('', '', 'a'), shared.title).map((parts) => parts.join('_'));

const FIRST = {
  kind: 'request',
  from: null,
  state: null,
  software: SOFTWARE[0],
  type: 'default',
  parameters: {},
  computer: null,
} as const;

/** Two computers, and a root with a child on the first. */
export const START_COMMANDS: readonly Command[] = [
  { kind: 'format', computer: 'COMP-1', count: 4 },
  { kind: 'format', computer: 'COMP-2', count: 2 },
  { ...FIRST, title: 'a' },
  { ...FIRST, title: 'b', from: 'COMP-1/slappart0' },
];

/** Any sequence of commands, most of them requests. */
export function commandLists(maxLength: number): fc.Arbitrary<Command[]> {
  const kind = <K extends string>(name: K) => fc.constant(name);
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 10, arbitrary: fc.record({ kind: kind('request'), ...wanted }) },
    { weight: 6, arbitrary: fc.record({ kind: kind('share'), ...shared, host }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('destroyed'), at: place }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('bang'), at: place }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('rename'), at: place, title }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: kind('publish'),
        at: place,
        slave: fc.option(slave),
        connection: texts,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('format'),
        computer: fc.constantFrom(...COMPUTERS),
        count: fc.integer({ min: 0, max: 6 }),
      }),
    },
  );
  return fc.array(command, { minLength: 1, maxLength, size: 'max' });
}

const at = (key: Place) => {
  const [computer_id = '', computer_partition_id = ''] = key.split('/');
  return { computer_id, computer_partition_id };
};

export function renderCall(command: Command): Call {
  if (command.kind === 'format') {
    const xml = computerDocument(command.count, command.computer);
    return post('loadComputerConfigurationFromXML', { xml });
  }
  if (command.kind === 'request' || command.kind === 'share') return renderRequest(command);
  if (command.kind === 'publish') {
    return post('setComputerPartitionConnectionXml', {
      ...at(command.at),
      connection_xml: encodeMarshal(command.connection),
      slave_reference: command.slave ?? 'None',
    });
  }
  if (command.kind === 'rename') {
    return post('softwareInstanceRename', { ...at(command.at), new_name: command.title });
  }
  return command.kind === 'bang'
    ? post('softwareInstanceBang', { ...at(command.at), message: '' })
    : post('destroyedComputerPartition', at(command.at));
}

function renderRequest(command: Extract<Command, { kind: 'request' | 'share' }>): Call {
  const filter: Record<string, MarshalValue> = {};
  if (command.computer !== null) filter['computer_guid'] = command.computer;
  if (command.kind === 'share' && command.host !== null) filter['instance_guid'] = command.host;
  return ask(command.title, {
    software_release: command.software,
    software_type: command.type,
    state: command.state,
    shared_xml: command.kind === 'share',
    partition_parameter_xml: command.parameters,
    filter_xml: filter,
    ...(command.from === null ? {} : at(command.from)),
  });
}

/** An answer as the model gives it. */
export function parseOutcome(command: Command, status: number, body: string): Outcome {
  if (status !== 200) return { status };
  if (command.kind !== 'request' && command.kind !== 'share') return { status, text: body };
  const answer = decodeMarshal(body) as MarshalObject;
  const { slap_computer_id, slap_computer_partition_id, _requested_state, _connection_dict } =
    answer.attributes;
  const state = _requested_state;
  return {
    status,
    place: `${slap_computer_id}/${slap_computer_partition_id}`,
    ...(typeof state === 'string' ? { state } : {}),
    connection: { ...(_connection_dict as Readonly<Record<string, string>>) },
  };
}

/** What the model says of it, without what is only for us. */
export function plainOutcome({ isDecided: _isDecided, ...outcome }: Outcome): Outcome {
  return outcome.place === undefined ? outcome : { connection: {}, ...outcome };
}

export const DOCUMENT_CALLS: readonly Call[] = COMPUTERS.map((computer_id) => {
  return get('getFullComputerInformation', { computer_id });
});

/** The instances of the model, as parseSlots of proxy-slots.ts gives them. */
export function listInstances(model: ProxyModel): SeenSlot[] {
  return COMPUTERS.flatMap((computer) => {
    const slots = model.slots.filter((slot) => slot.place.startsWith(`${computer}/`));
    const used = slots.filter((slot) => slot.title !== null);
    // A document says of a child of its own name's root no more than of a root.
    return used.map(({ stamp: _stamp, ...slot }) => ({
      ...slot,
      root: slot.root === slot.title ? '' : slot.root,
    }));
  });
}
