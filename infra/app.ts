/** What `cdk` runs (cdk.json); by itself it writes the templates to `cdk.out`. */
import { UserError } from '../shared/core/errors.ts';
import { buildApp } from './build-app.ts';

try {
  const tell = (note: string) => process.stderr.write(`${note}\n`);
  buildApp({ outdir: process.env.CDK_OUTDIR ?? 'cdk.out', tell }).app.synth();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 2;
}
