/** Pre-trains the example's BERT and writes its folder: `node examples/topics/pretrain.ts [--epochs N] [--out FOLDER]` */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../shared/core/errors.ts';
import { isModelFile } from '../../shared/models/hugging-face/model-files.ts';
import { pretrainBert } from '../pretrain-bert.ts';
import { runScript, wholeNumber } from '../script.ts';
import { bert, pretrainingTexts } from './pretraining.ts';

const usage = `node examples/topics/pretrain.ts [options]

  --epochs N    of guessing hidden words (20)
  --out FOLDER  the model's folder; one that is there is replaced (examples/topics/pretrained)
`;

/** @throws UserError when the folder holds something else than a model. */
async function refuseOtherFolder(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length === 0 || (names.includes('config.json') && names.every(isModelFile))) return;
  throw new UserError('holds something else than a model', { where: folder, remedy: 'Choose another --out.' });
}

await runScript(
  usage,
  {
    epochs: { type: 'string', default: '20' },
    out: { type: 'string', default: fileURLToPath(new URL('pretrained', import.meta.url)) },
  },
  async ({ epochs, out }) => {
    const training = { epochs: wholeNumber(epochs, '--epochs'), batchSize: 32, learningRate: 2e-3, seed: bert.seed };
    await refuseOtherFolder(out);
    await rm(out, { recursive: true, force: true });
    await pretrainBert({
      texts: pretrainingTexts('pre-training'),
      heldOut: pretrainingTexts('held out'),
      size: bert.size,
      training,
      out,
      work: await mkdtemp(join(tmpdir(), 'topics-')),
      emit: (event) => {
        if (event.type !== 'epoch') return;
        const { epoch, epochs, metric } = event;
        process.stdout.write(`epoch ${epoch} of ${epochs}: loss ${metric.value?.toFixed(3)} of held-out texts\n`);
      },
    });
  },
);
