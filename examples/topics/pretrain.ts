/** Pre-trains the example's BERT and writes its folder: `node examples/topics/pretrain.ts [options]` */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../shared/core/errors.ts';
import { modelFilesIn } from '../../shared/models/hugging-face/model-files.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { learnNextSentences, sentencePairs } from '../next-sentences.ts';
import { pretrainBert } from '../pretrain-bert.ts';
import { runScript, wholeNumber } from '../script.ts';
import { bert, pretrainingTexts } from './pretraining.ts';

const usage = `node examples/topics/pretrain.ts [options]

  --epochs N     of guessing hidden words (20)
  --sentences N  epochs of telling whether a text goes on (5); 0 leaves that stage out
  --out FOLDER   the model's folder; one that is there is replaced (examples/topics/pretrained)
`;

/** @throws UserError when the folder holds something else than a model. */
async function refuseOtherFolder(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length === 0 || (names.includes('config.json') && modelFilesIn(names).length === names.length)) return;
  throw new UserError('holds something else than a model', { where: folder, remedy: 'Choose another --out.' });
}

function emit(event: ProgressEvent): void {
  if (event.type !== 'epoch') return;
  const { epoch, epochs, metric } = event;
  process.stdout.write(`epoch ${epoch} of ${epochs}: ${metric.name} ${metric.value?.toFixed(3)} of held-out texts\n`);
}

await runScript(
  usage,
  {
    epochs: { type: 'string', default: '20' },
    sentences: { type: 'string', default: '5' },
    out: { type: 'string', default: fileURLToPath(new URL('pretrained', import.meta.url)) },
  },
  async ({ epochs, sentences, out }) => {
    const both = { batchSize: 32, seed: bert.seed };
    const words = { ...both, epochs: wholeNumber(epochs, '--epochs'), learningRate: 2e-3 };
    const next = { ...both, epochs: wholeNumber(sentences, '--sentences', 0), learningRate: 5e-4 };
    await refuseOtherFolder(out);
    await rm(out, { recursive: true, force: true });
    const [texts, heldOut] = [pretrainingTexts('pre-training'), pretrainingTexts('held out')];
    const folder = await mkdtemp(join(tmpdir(), 'topics-'));
    const at = (name: string) => join(folder, name);
    const guesser = next.epochs === 0 ? out : at('words');
    await pretrainBert({ texts, heldOut, size: bert.size, training: words, out: guesser, work: at('work'), emit });
    if (next.epochs > 0) {
      await learnNextSentences({
        from: guesser,
        pairs: sentencePairs(texts, bert.seed, 'pre-training'),
        heldOut: sentencePairs(heldOut, bert.seed, 'held out'),
        maxTokens: bert.size.maxTokens,
        training: next,
        out,
        work: at('work'),
        emit,
      });
    }
    await rm(folder, { recursive: true });
  },
);
