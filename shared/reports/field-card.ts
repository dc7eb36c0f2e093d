import { fenced } from './markdown.ts';
import type { RunReport } from './report-input.ts';

/** What the card of a kind of model says of its own. */
export interface CardOfKind {
  /** As Hugging Face's hub reads it. */
  frontMatter(run: RunReport): Readonly<Record<string, unknown>>;
  loading(run: RunReport): string;
  limits(run: RunReport): string;
}

/** What the validation metrics are worth, and what the test metrics are. */
export const chosenOn = ({ test }: RunReport): string =>
  test
    ? 'The best epoch was chosen on the same validation data that the validation metrics above are given for, so those flatter the model a little. The test metrics do not: it was neither trained nor chosen on those data.'
    : 'The best epoch was chosen on the same validation data that the metrics above are given for, so they flatter the model a little.';

/** JavaScript that reads `model.safetensors` without any package. */
export const readTensors = `import { readFile } from 'node:fs/promises';

const file = await readFile('model.safetensors');
const headerEnd = 8 + Number(file.readBigUInt64LE(0));
const { __metadata__, ...entries } = JSON.parse(file.toString('utf8', 8, headerEnd));
const tensors = Object.fromEntries(
  Object.entries(entries).map(([name, { shape, data_offsets: [start, end] }]) => {
    const bytes = Uint8Array.from(file.subarray(headerEnd + start, headerEnd + end));
    return [name, { shape, data: new Float32Array(bytes.buffer) }]; // for dtype F32
  }),
);`;

const LOADING = `\`model.safetensors\` holds every tensor by name, little-endian; \`config.json\` the model's sizes. Complex spectral weights are stored
with a last axis of two (real, imaginary).

Python, with the \`safetensors\` package:

${fenced(
  'python',
  `from safetensors.numpy import load_file

tensors = load_file("model.safetensors")
for name, tensor in tensors.items():
    print(name, tensor.dtype, tensor.shape)
# a complex weight: tensor[..., 0] + 1j * tensor[..., 1]`,
)}

JavaScript, without any package:

${fenced('js', readTensors)}`;

const LIMITS = `It was trained with little data: expect it to hold for fields, grids and parameters like those it was trained on, and measure before relying on it elsewhere.`;

/** Of models of fields. */
export const fieldCard: CardOfKind = {
  frontMatter({ config }) {
    const family = (config.model as { family?: unknown } | undefined)?.family;
    return {
      library_name: 'tempbalance',
      tags: ['tempbalance', 'safetensors', ...(typeof family === 'string' ? [family] : [])],
    };
  },
  loading: () => LOADING,
  limits: (run) => `${chosenOn(run)} ${LIMITS}`,
};
