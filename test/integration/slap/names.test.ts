/** Names of Masters on machines of one family of addresses, by the real resolver. */
import { expect, it } from 'vitest';
import { runInFreshNamespace } from '../../support/fresh-namespace.ts';
import { requires } from '../../support/requires.ts';

/** `computer list` of a proxy on 127.0.0.1 that is named localhost, with no DNS to ask. */
const ASK = `
ip link set lo up
echo '127.0.0.1 localhost' > /etc/hosts
printf '[slapos]\\nmaster_url = http://localhost:8765/\\n' > /srv/client.cfg
slapos="$SLAPOS_PACKAGE/bin/slapos"
printf '[slapos]\\ncomputer_id = local\\n[slapproxy]\\nhost = 127.0.0.1\\nport = 8765\\n' > /srv/slapos.cfg
printf 'database_uri = /srv/proxy.db\\n' >> /srv/slapos.cfg
"$slapos" proxy start --cfg /srv/slapos.cfg > /srv/log 2>&1 &
until (exec 3<> /dev/tcp/127.0.0.1/8765) 2> /dev/null; do
  kill -0 $! || { cat /srv/log; exit 1; }
done
"$slapos" supply --cfg /srv/client.cfg https://example.com/software.cfg local 2>&1
`;

requires('root', 'netns')('a Master called localhost', () => {
  it('is reached at 127.0.0.1 on a machine with an address of IPv6 alone', async () => {
    const { status, stdout, stderr } = await runInFreshNamespace(
      `ip -6 address add 2001:db8:b::1/128 dev lo nodad\n${ASK}`,
    );
    expect(stdout + stderr).not.toMatch(/could not connect|EAI_AGAIN|ENOTFOUND/i);
    expect(status, stdout + stderr).toBe(0);
  });
});
