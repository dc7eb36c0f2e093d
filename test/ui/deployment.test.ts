/** The page of a deployment in the stand-in for AWS, by the command and its own clients. */
import { StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { comparisonKeys } from '../../shared/checkpoints/comparison-keys.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { openCloud } from '../../shared/cloud/open-cloud.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { deploymentSource } from '../../shared/ui/deployment-source.ts';
import type { ComparisonPage, RunPage } from '../../shared/ui/pages.ts';
import { servePage } from '../../shared/ui/serve.ts';
import type { ListingEvent } from '../../shared/ui/watch-listing.ts';
import { runCli, startCli } from '../support/cli.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeSettings } from '../support/fake-comparison.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
const compared = 'comparisons/fake';
const comparedRun = comparisonKeys.run(compared, 'test-plain-1');

beforeAll(async () => {
  if (!deployment) return;
  await createStack(deployment);
  const { store } = deployment;
  await requestRun(store, fakeConfig({ training: { epochs: 2, seed: 8 } }));
  const settings = await fakeSettings({ seeds: { tuning: [101], test: [1, 2] } });
  const request = { version: 1, settings, data: {}, rows: { training: 3, test: 2 }, executions: 1 };
  await store.put(comparisonKeys.request(compared), encodeJson(request));
  await store.put(
    runKeys.request(comparedRun),
    encodeJson({ version: 1, config: fakeConfig({ training: { seed: 1 } }) }),
  );
});

/** What the page is told, event by event. */
async function* eventsOf(url: string): AsyncGenerator<ListingEvent> {
  const { body } = await fetch(`${url}events`);
  let text = '';
  for await (const part of body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const [, data] = /^data: (.*)$/m.exec(event) ?? [];
      if (data) yield JSON.parse(data);
    }
  }
}

describe.skipIf(!deployment)('tempbalance ui --cloud', () => {
  it('shows runs and comparisons of the deployment with the credentials of this machine', async () => {
    const { bucket, sfn, stateMachine, store } = deployment!;
    const start = new StartExecutionCommand({ stateMachineArn: stateMachine, input: JSON.stringify({ run }) });
    const { executionArn } = await sfn.send(start);
    await runPipeline(run, fakeContext(store, fakeWorkload()), () => true, { retryDelay: 0 });

    const { child, finished } = startCli(['ui', '--cloud']);
    const said = await new Promise<string>((resolve) => child.stdout!.once('data', (text) => resolve(String(text))));
    expect(said).toContain(`tempbalance (s3://${bucket}): http://127.0.0.1:`);
    const [url] = /http:\S+/.exec(said)!;
    const events = eventsOf(url);
    expect((await events.next()).value).toMatchObject({
      listing: {
        runs: [
          { id: run, state: 'running', epoch: 0, epochs: 2, seed: 8 },
          { id: comparedRun, state: 'stopped', epoch: null, seed: 1 },
        ],
        comparisons: [{ id: compared, state: 'stopped', done: 0 }],
      },
    });
    const read = async <Page>(path: string) => (await (await fetch(url + path)).json()) as Page;
    const page = await read<RunPage>(`api/run?id=${encodeURIComponent(run)}`);
    expect(page.epochs.map(({ epoch }) => epoch)).toEqual([0]);
    const comparison = await read<ComparisonPage>(`api/comparison?id=${encodeURIComponent(compared)}`);
    expect(comparison.arms.map(({ name }) => name)).toEqual(['plain', 'balanced']);
    expect(await (await fetch(`${url}report?id=${encodeURIComponent(run)}`)).text()).toContain('<h1>fake</h1>');
    expect((await fetch(`${url}api/run?id=..%2Fstate`)).status).toBe(404);
    await events.return(undefined);
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 0, stderr: '' });

    const source = deploymentSource(await openCloud({ stack: 'tempbalance' }), { refreshMs: 50 });
    const served = await servePage(source);
    const later = eventsOf(served.url);
    expect((await later.next()).value).toMatchObject({
      listing: { runs: [{ state: 'running', epoch: 0 }, { id: comparedRun }] },
    });
    await runPipeline(run, fakeContext(store, fakeWorkload(), { process: 'q' }), undefined, { retryDelay: 0 });
    await sfn.send(new StopExecutionCommand({ executionArn }));
    for await (const event of later) {
      const [line] = event.type === 'change' ? event.change.runs : [];
      if (line?.state === 'completed') break;
    }
    const { runs } = await source.list();
    expect(runs).toMatchObject([{ id: run, state: 'completed', epoch: 2, reason: 'all 2 epochs are trained' }, {}]);
    await served.close();
  });

  it('names a stack that there is not', async () => {
    const refused = await runCli(['ui', '--cloud', '--stack', 'nowhere']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no stack of this name') });
  });
});
