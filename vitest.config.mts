import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'test/unit/**/*.test.ts',
            'test/golden/**/*.test.ts',
            'test/contract/**/*.unit.test.ts',
          ],
        },
      },
      {
        // The same tests as on SQLite, and those of the store on a server, on a real one.
        extends: true,
        test: {
          name: 'postgres',
          include: [
            ...[
              'hateoas',
              'parameter-values',
              'proxy-process',
              'request-semantics',
              'rpc-methods',
              'slap-endpoints',
            ].map((name) => `test/contract/${name}.unit.test.ts`),
            ...['bad-requests', 'endpoints', 'request', 'rpc', 'software-root', 'status'].map(
              (name) => `test/unit/proxy/${name}.test.ts`,
            ),
            'test/postgres/**/*.test.ts',
          ],
          env: { SLAPOS_TEST_STORE: 'postgres' },
          globalSetup: 'test/support/postgres-lane.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'root',
          include: ['test/integration/**/*.test.ts', 'test/contract/**/*.root.test.ts'],
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          fileParallelism: false,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        extends: true,
        test: { name: 'interop', include: ['test/interop/**/*.test.ts'], fileParallelism: false },
      },
    ],
  },
});
