/** A run of two epochs, and what it left. */
import { openStore, runPipeline, UserError } from 'tempbalance';

const [folder = 'runs'] = process.argv.slice(2);

try {
  const run = await runPipeline('examples/burgers/burgers.yaml', {
    set: { 'training.epochs': 2, 'output.folder': folder, 'output.name': 'from-the-library' },
    onEvent: (event) => {
      if (event.type === 'epoch') console.log(`epoch ${event.epoch}: ${event.metric.name} ${event.metric.value}`);
    },
  });
  console.log(`${run.status}: best epoch ${run.summary.best?.epoch}, in ${run.folder}`);
  const store = await openStore(folder);
  console.log(await store.list(`${run.name}/model/`));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
