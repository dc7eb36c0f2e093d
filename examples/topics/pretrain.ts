/** Pre-trains the example's BERT and writes its folder: `node examples/topics/pretrain.ts [--epochs N] [--out FOLDER]` */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pretrainBert } from '../pretrain-bert.ts';
import { bert, pretrainingTexts } from './pretraining.ts';

const { values: args } = parseArgs({
  options: {
    epochs: { type: 'string', default: '20' },
    out: { type: 'string', default: fileURLToPath(new URL('pretrained', import.meta.url)) },
  },
});

await rm(args.out, { recursive: true, force: true });
await pretrainBert({
  texts: pretrainingTexts('pre-training'),
  heldOut: pretrainingTexts('held out'),
  size: bert.size,
  training: { epochs: Number(args.epochs), batchSize: 32, learningRate: 2e-3, seed: bert.seed },
  out: args.out,
  work: await mkdtemp(join(tmpdir(), 'topics-')),
  emit: (event) => {
    if (event.type !== 'epoch') return;
    const { epoch, epochs, metric } = event;
    process.stdout.write(`epoch ${epoch} of ${epochs}: loss ${metric.value?.toFixed(3)} of held-out texts\n`);
  },
});
