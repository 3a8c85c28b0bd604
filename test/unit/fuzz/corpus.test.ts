/** Every committed input of the decoders in TypeScript, and every seed, as the campaign runs them. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CORPUS_LIMITS, readCorpus } from '../../fuzz/driver/corpus.ts';
import { targets as binary } from '../../fuzz/targets/binary.ts';
import { targets as config } from '../../fuzz/targets/config.ts';
import { targets as http } from '../../fuzz/targets/http.ts';
import { targets as json } from '../../fuzz/targets/json.ts';
import { targets as requests } from '../../fuzz/targets/requests.ts';
import { targets as schema } from '../../fuzz/targets/schema.ts';
import { targets as service } from '../../fuzz/targets/service.ts';
import { targets as text } from '../../fuzz/targets/text.ts';
import { targets as xml } from '../../fuzz/targets/xml.ts';

const root = join(import.meta.dirname, '../../..');
const targets = [binary, config, http, json, requests, schema, service, text, xml].flat();

describe('decoders', () => {
  it.each(targets)(
    'of $name take what was found',
    async (target) => {
      const corpus = readCorpus(root, target.name);
      expect(corpus.length).toBeGreaterThan(0);
      expect(corpus.length).toBeLessThanOrEqual(CORPUS_LIMITS.inputs);
      for (const input of [...target.seeds.map((seed) => Buffer.from(seed)), ...corpus]) {
        expect(input.length).toBeLessThanOrEqual(8192);
        await target.run(input);
      }
      await target.close?.();
    },
    60_000,
  );

  it('have names of their own', () => {
    expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length);
  });
});
