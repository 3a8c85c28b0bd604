/** Set-up of the lane `postgres`: one real server for all of its files. */
import { startPostgres } from './postgres-server.ts';

/** @returns what ends the server */
export async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres({ maxConnections: 200 });
  process.env['SLAPOS_TEST_POSTGRES'] = await server.createDatabase();
  return () => server.close();
}
