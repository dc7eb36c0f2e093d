import { expect, it } from 'vitest';
import { modelFilesIn } from '../../../shared/models/hugging-face/model-files.ts';

it('a model is read from its description, its tokenizer and one set of weights', () => {
  const others = ['config.json', 'tokenizer.json', 'vocab.txt', 'chat_template.jinja', 'spiece.model'];
  const torch = ['pytorch_model.bin', 'pytorch_model-00001-of-00002.bin', 'adapter_model.bin'];
  const unread = ['training_args.bin', 'optimizer.pt', 'tf_model.h5', 'onnx/config.json', 'deeper/pytorch_model.bin'];
  expect(modelFilesIn([...others, ...torch, ...unread])).toEqual([...others, ...torch]);
  const names = [...others, 'model.safetensors'];
  expect(modelFilesIn([...names, ...torch, ...unread])).toEqual(names);
  const pooled = [...names, 'modules.json', '1_Pooling/config.json'];
  expect(modelFilesIn([...pooled, '2_Dense/config.json', 'deeper/1_Pooling/config.json'])).toEqual(pooled);
});
