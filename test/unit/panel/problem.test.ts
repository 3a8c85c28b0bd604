/** How the panel answers what it cannot do. */
import { expect, test } from 'vitest';
import { SlaposError } from '../../../src/errors/slapos-error.ts';
import { conflict, renderProblem } from '../../../src/panel/problem.ts';

const database = (context: Record<string, unknown>) =>
  new SlaposError('SLAPOS_ERR_DATABASE', 'Database d at h: secret details', { context });

test.each([
  [{ temporary: 'The database server is not reachable.' }, 'The database server is not reachable.'],
  [{ sqlite: 'SQLITE_BUSY' }, 'The database is locked by another process.'],
])('a database that may do later: %j', (context, problem) => {
  expect(renderProblem(database(context))).toEqual({
    status: 503,
    body: { problem, hint: '', field: '' },
    headers: { 'retry-after': '5' },
    isOurs: false,
  });
});

test('what does not pass is ours, what was asked wrongly is not', () => {
  const ours = renderProblem(database({ sqlState: '42501' }));
  expect(ours).toMatchObject({ status: 500, isOurs: true, headers: {} });
  expect(JSON.stringify(ours)).not.toContain('secret');
  expect(renderProblem(conflict('no'))).toMatchObject({ status: 409, isOurs: false });
});
