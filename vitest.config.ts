import { defineConfig } from 'vitest/config'

/**
 * unit: no I/O beyond files, runs anywhere. services: databases, servers and child processes (embedded always; PostgreSQL and
 * Redis where DATABASE_URL and REDIS_URL are set). browser: pages in a real Chromium where one is installed.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // One group after the other: they differ in how many workers they may use.
          sequence: { groupOrder: 0 },
          include: ['test/{domain,evaluators,datasets,reports,providers}/**/*.test.ts', 'test/*.test.ts'],
          pool: 'forks',
          setupFiles: ['test/setup.ts'],
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'services',
          sequence: { groupOrder: 1 },
          include: ['test/{store,http,infra,gateway,control,rollout,runners,cli,scenario,contract,model}/**/*.test.ts'],
          pool: 'forks',
          setupFiles: ['test/setup.ts'],
          globalSetup: ['test/global-setup.ts'],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'browser',
          sequence: { groupOrder: 2 },
          include: ['test/browser/**/*.test.ts'],
          pool: 'forks',
          setupFiles: ['test/setup.ts'],
          globalSetup: ['test/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 90_000,
        },
      },
    ],
  },
})
