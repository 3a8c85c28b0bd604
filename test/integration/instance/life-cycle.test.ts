/**
 * Fifty instances through every transition of their lives, by the real command line under the real
 * supervisor, with failures of every kind on the way (spec/grid.md 3 and 7).
 * `npm run campaign -- instance-life` goes on for longer.
 */
import { expect, it } from 'vitest';
import { requires } from '../../support/requires.ts';
import { runLives } from '../../support/run-lives.ts';

/** What the seed must bring about: an assertion that nothing is left out when the model changes. */
const TRANSITIONS = [
  'free -> started',
  'free -> stopped',
  'started -> stopped',
  'stopped -> started',
  'started -> started again',
  'started -> started with another release',
  'started -> started with other parameters',
  'stopped -> stopped with another release',
  'started -> destroyed',
  'stopped -> destroyed',
  'destroyed -> free',
  'destroyed unheard',
  'plain pass',
  'force pass',
  'force-stop pass',
];
const FAULTS = [
  'getFullComputerInformation garbage',
  'getFullComputerInformation 500',
  'getFullComputerInformation silence',
  'killed',
  'started with build',
  'stopped with build',
  'started with promise',
  'started with mode',
  'started with disk',
  'stopped with disk',
  'started with getComputerPartitionCertificate garbage',
  'stopped with getComputerPartitionCertificate 404',
  'started with startedComputerPartition garbage',
  'started with startedComputerPartition 404',
  'stopped with stoppedComputerPartition 500',
  'stopped with stoppedComputerPartition silence',
  'started with updateComputerPartitionRelatedInstanceList 404',
];

requires('root', 'netns')('the life of fifty instances', () => {
  it('ends in the requested state after every failure, and tells the Master as ordered', async () => {
    const { met, problems } = await runLives({ partitions: 50, rounds: 5, seed: 1 });
    expect(problems).toEqual([]);
    expect([...TRANSITIONS, ...FAULTS].filter((what) => !met.has(what))).toEqual([]);
    expect([...met.keys()].filter((what) => /(500|503|400|cut|silence)$/.test(what))).not.toEqual(
      [],
    );
  }, 300_000);
});
