import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Functions and engines keep what they opened as long as their process lives: each of these files has a process of its own. */
const apart = [
  'test/cli/cloud.test.ts',
  'test/cloud/**/*.test.ts',
  'test/config/plugins.test.ts',
  'test/datasets/arrays/damaged.test.ts',
  'test/e2e/cloud.test.ts',
  'test/e2e/compare-in-cloud.test.ts',
  'test/e2e/moved-run.test.ts',
  'test/engines/**/*.test.ts',
  'test/functions/**/*.test.ts',
  'test/plugin-members.test.ts',
  'test/training/webgpu-conformance.test.ts',
  'test/ui/deployment.test.ts',
];

/** What takes longest, to begin with, so that no process waits for another in the end. */
const long = [
  'e2e/cloud',
  'cli/cloud',
  'e2e/compare-in-cloud',
  'training/engine-conformance',
  'checkpoints/s3-store',
  'e2e/comparison',
  'infra/stack',
  'pipeline/comparison/workflow',
  'pipeline/crash',
  'e2e/kill-resume',
];

/** Files with a process of their own come first, as a process that others share ends when one of them is next. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const rank = ({ moduleId, project }: TestSpecification) => {
      const place = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return (project.name === 'apart' ? 0 : long.length + 1) + (place < 0 ? long.length : place);
    };
    return usual.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    unstubEnvs: true,
    unstubGlobals: true,
    // Commands and workers in processes of their own start faster from what others have compiled.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'apart', include: apart } },
      { extends: true, test: { name: 'together', include: ['test/**/*.test.ts'], exclude: apart, isolate: false } },
    ],
  },
});
