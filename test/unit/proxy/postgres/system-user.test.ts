/** A container with a uid that no list of users has. */
import { expect, test, vi } from 'vitest';

const noName = vi.hoisted(() => () => {
  throw Object.assign(new Error('A system error occurred: uv_os_get_passwd returned ENOENT'), {
    code: 'ERR_SYSTEM_ERROR',
  });
});
vi.mock('node:os', async (load) => ({
  ...(await load<typeof import('node:os')>()),
  userInfo: noName,
  homedir: noName,
}));
const { findHome, findSystemUser } = await import('../../../../src/proxy/postgres/system-user.ts');
const { openStore } = await import('../../../../src/proxy/store-open.ts');
const { silentLogger } = await import('../../../../src/log/logger.ts');

test('has no name and no home', () => {
  expect(findHome()).toBeUndefined();
  expect(findSystemUser).toThrow(
    expect.objectContaining({
      code: 'SLAPOS_ERR_DATABASE',
      hint: expect.stringContaining('Name the user in database_uri'),
    }),
  );
});

test('needs neither for an address with a user', async () => {
  const open = (user: string) =>
    openStore(`postgres://${user}h/d?sslcert=/none`, 'COMP-1', silentLogger, '/x');
  await expect(open('')).rejects.toThrow(/has no name/);
  await expect(open('u@')).rejects.toMatchObject({
    code: 'SLAPOS_ERR_DATABASE',
    message: expect.stringContaining('/none'),
  });
});
