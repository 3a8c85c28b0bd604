/** Whatever a server answers, a call ends with its value or with an error that is fit to print. */
import { expect, test } from 'vitest';
import { isSlaposError } from '../../../src/errors/slapos-error.ts';
import { Slap } from '../../../src/slap/slap.ts';
import { OBEYED } from '../../support/hostile-texts.ts';
import { type ScriptedAnswer, startScriptedServer } from '../../support/scripted-server.ts';

const LONG = `\u202e\u0085\u2028${'long'.repeat(50_000)}`;
const NAME = 'x'.repeat(100_000);

const redirect = (location: string) => ({ status: 302, headers: { location } });

const ANSWERS: Readonly<Record<string, ScriptedAnswer>> = {
  'a text': { body: LONG },
  'a class of another module': {
    body: `<marshal><object id="i2" module="${LONG}" class="${LONG}"><tuple/><dictionary id="i3"/></object></marshal>`,
  },
  'an unknown element': { body: `<marshal><${NAME}/></marshal>` },
  'an unknown element of a namespace': {
    body: `<m:marshal xmlns:m="${LONG}"><m:${NAME}/></m:marshal>`,
  },
  'another root': { body: `<${NAME}/>` },
  'an integer that is none': { body: `<marshal><int>${LONG}</int></marshal>` },
  'a reference to nothing': { body: `<marshal><reference id="${LONG}"/></marshal>` },
  'an unknown entity': { body: `<marshal><string>&${NAME};</string></marshal>` },
  'a DTD': { body: `<!DOCTYPE a [<!ENTITY ${NAME} "x">]><marshal>&${NAME};</marshal>` },
  'half of a JSON': { body: `{"${LONG}":` },
  'links to nowhere': {
    body: JSON.stringify({
      _links: { raw_search: { href: `http://[${LONG}` }, traverse: { href: LONG } },
      hateoas_url: `file:///${LONG}`,
      result_list: [{ title: LONG }, LONG],
    }),
  },
  'a long way': redirect(`/${'a'.repeat(8000)}`),
  'a way to nobody, with a password': redirect(
    `http://user:secret@127.0.0.1:1/${'a'.repeat(8000)}`,
  ),
  'a way by another protocol': redirect(`ftp://${'a'.repeat(8000)}`),
  'a way to no address': redirect(`http://[${'a'.repeat(8000)}`),
};

const CALLS: ReadonlyArray<(slap: Slap) => Promise<unknown>> = [
  (slap) => slap.registerComputer('COMP-1').listInstances(),
  (slap) => slap.registerComputer('COMP-1').getStatus(),
  (slap) => slap.registerComputerPartition('COMP-1', 'slappart0').getInstance(),
  (slap) => slap.registerComputerPartition('COMP-1', 'slappart0').getCertificate(),
  (slap) => slap.registerOpenOrder().request({ softwareRelease: 'https://x/', title: 'x' }),
  (slap) => slap.listServices(),
  (slap) => slap.getService('x'),
  (slap) => slap.getHateoasUrl(),
  (slap) => slap.getProductReleases('x'),
];

test.each(Object.keys(ANSWERS))('%s', async (name) => {
  const server = await startScriptedServer(() => ANSWERS[name] ?? null);
  const masterUrl = server.url.replace('http://', 'http://user:secret@');
  for (const transport of ['xml', 'json-rpc'] as const) {
    const slap = new Slap({ masterUrl, transport, retries: { maxRetries: 0 } });
    for (const call of CALLS) {
      const failure = await call(slap).then(
        (value) => expect.fail(`${call} gave ${JSON.stringify(value).slice(0, 100)}`),
        (error: unknown) => error,
      );
      if (!isSlaposError(failure)) throw failure;
      const told = [failure.message, JSON.stringify(failure.context), failure.hint].join(' ');
      expect(told.length).toBeLessThan(1500);
      expect(told).not.toMatch(OBEYED);
      expect(told).not.toContain('secret');
    }
    await slap.abort();
  }
  await server.close();
});
