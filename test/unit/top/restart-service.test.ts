import { expect, it } from 'vitest';
import { restartService } from '../../../src/top/restart-service.ts';

it('says why a service was not restarted', async () => {
  const files = { stat: async () => undefined };
  const text = await restartService(files, '/nowhere/at-all', 'slappart0:web');
  expect(text).toMatch(/^slappart0:web was not restarted: .*\/nowhere\/at-all\/sv\.sock/);
});
