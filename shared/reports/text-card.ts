import type { ProblemType } from '../datasets/text/problem-type.ts';
import { adapterWeightsFile, baseConfigFile } from '../models/hugging-face/adapter-config.ts';
import type { ExportDtype } from '../models/hugging-face/export-precision.ts';
import { hasLabels, type LanguageTask, type TrainedTask, taskOfModel } from '../models/language/model.ts';
import { type CardOfKind, chosenOn, readTensors } from './field-card.ts';
import { fenced } from './markdown.ts';
import type { RunReport } from './report-input.ts';

/** The part of a run's settings that a card speaks of. */
interface LanguageSettings {
  readonly family?: unknown;
  readonly task: TrainedTask;
  /** The problem type of a classifier; absent: a text has one label. */
  readonly problemType?: ProblemType | undefined;
  readonly maxTokens: number;
  /** Whether it began without weights. */
  readonly fresh?: boolean;
}

function settingsOf({ config }: RunReport) {
  const { task, ...settings } = config.model as LanguageSettings;
  return { ...settings, task: taskOfModel(task), isFewShot: task === 'few-shot-classification' };
}

/** What a run's language model was trained for; undefined: it is another kind of model. */
export function languageTaskOf(run: RunReport): LanguageTask | undefined {
  const settings = run.config.model as Partial<LanguageSettings> | undefined;
  return settings?.family === 'huggingface' && settings.task ? taskOfModel(settings.task) : undefined;
}

const pipelineTags = {
  classification: 'text-classification',
  'causal-lm': 'text-generation',
  'masked-lm': 'fill-mask',
  seq2seq: 'text2text-generation',
  'token-classification': 'token-classification',
} as const satisfies Record<LanguageTask, string>;

/** Hugging Face's names for our metrics. */
const hubMetrics: Readonly<Record<string, string>> = {
  accuracy: 'accuracy',
  macroF1: 'f1',
  microF1: 'f1',
  F1: 'f1',
  precision: 'precision',
  recall: 'recall',
  RMSE: 'mse',
  MAE: 'mae',
  pearson: 'pearsonr',
  spearman: 'spearmanr',
  matthews: 'matthews_correlation',
  perplexity: 'perplexity',
};

/** A name on the hub, not a path. */
const hubName = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/;

const autoClasses = {
  classification: 'AutoModelForSequenceClassification',
  'causal-lm': 'AutoModelForCausalLM',
  'masked-lm': 'AutoModelForMaskedLM',
  seq2seq: 'AutoModelForSeq2SeqLM',
  'token-classification': 'AutoModelForTokenClassification',
} as const satisfies Record<LanguageTask, string>;

/** Python that loads model and tokenizer; of an adapter, with the base that it belongs to. */
function loadingIn(task: LanguageTask, { adapter, model }: RunReport): string {
  const auto = autoClasses[task];
  // Another way of attention would leave the caps of its scores out.
  const exact = typeof model?.attn_logit_softcapping === 'number' ? ', attn_implementation="eager"' : '';
  const beginning = `from transformers import ${adapter ? 'AutoConfig, ' : ''}${auto}, AutoTokenizer

folder = "."  # where this card is
tokenizer = AutoTokenizer.from_pretrained(folder)`;
  // The class lies beside the card.
  const options = task === 'classification' && model?.sentence_embedding ? ', trust_remote_code=True' : '';
  if (!adapter) return `${beginning}\nmodel = ${auto}.from_pretrained(folder${exact}${options}).eval()`;
  return `from peft import PeftModel
${beginning}
base = ${JSON.stringify(adapter.base.path)}  # the folder of the model that the adapter belongs to
config = AutoConfig.from_pretrained(f"{folder}/${baseConfigFile}")  # that of the base, with the labels of this one
model = ${auto}.from_pretrained(base, config=config${exact})
model = PeftModel.from_pretrained(model, folder).eval()`;
}

/** The Python that turns a classifier's logits into predictions. */
const pythonOfProblem: Readonly<Record<ProblemType, string>> = {
  single_label_classification: `probabilities = model(**inputs).logits.softmax(-1)
print([model.config.id2label[int(place)] for place in probabilities.argmax(-1)], probabilities)`,
  multi_label_classification: `probabilities = model(**inputs).logits.sigmoid()
print([[model.config.id2label[int(place)] for place in (row >= 0.5).nonzero()] for row in probabilities], probabilities)`,
  regression: 'print(model(**inputs).logits[:, 0])',
};

const pythonOf: Readonly<Record<LanguageTask, (maxTokens: number, problem: ProblemType) => string>> = {
  classification: (
    maxTokens,
    problem,
  ) => `inputs = tokenizer(["a text", "another"], truncation=True, max_length=${maxTokens}, padding=True, return_tensors="pt")
${pythonOfProblem[problem]}`,
  'causal-lm': () => `inputs = tokenizer("The beginning of a text", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))`,
  seq2seq: (maxTokens) => `inputs = tokenizer("a text", truncation=True, max_length=${maxTokens}, return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0], skip_special_tokens=True))`,
  'masked-lm': () => `inputs = tokenizer(f"A text with a {tokenizer.mask_token} hidden", return_tensors="pt")
place = (inputs.input_ids[0] == tokenizer.mask_token_id).nonzero()[0]
print(tokenizer.decode(model(**inputs).logits[0, place].argmax(-1)))`,
  'token-classification': (maxTokens) => `words = ["A", "text", "in", "words"]
inputs = tokenizer(words, is_split_into_words=True, truncation=True, max_length=${maxTokens}, return_tensors="pt")
places = model(**inputs).logits[0].argmax(-1)
found = inputs.word_ids()
first = [found.index(word) if word in found else None for word in range(len(words))]  # the first token of a word has its tag
print([(word, None if at is None else model.config.id2label[int(places[at])]) for word, at in zip(words, first)])`,
};

/** The Python that writes with a model that learnt chats. */
const pythonOfChats = `chat = [{"role": "user", "content": "A question"}]
inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True, return_tensors="pt")
answer = model.generate(**inputs, max_new_tokens=40)[0, inputs["input_ids"].shape[1]:]
print(tokenizer.decode(answer, skip_special_tokens=True))`;

/** The Python for a classifier whose tokenizer has no padding token. */
const pythonByText = (maxTokens: number, problem: ProblemType) => `# One text at a time: there is no token for padding.
inputs = tokenizer("a text", truncation=True, max_length=${maxTokens}, return_tensors="pt")
${pythonOfProblem[problem]}`;

/** Python that uses what is loaded. */
function usingIn(run: RunReport): string {
  const { task, maxTokens, problemType = 'single_label_classification' } = settingsOf(run);
  if (task === 'causal-lm' && run.dataset.chatTemplate === true) return pythonOfChats;
  return (run.dataset.padding === null ? pythonByText : pythonOf[task])(maxTokens, problemType);
}

/** The JavaScript that reads a tensor's numbers, by number type. */
const numbersInJavaScript: Readonly<Record<ExportDtype, string>> = {
  float32: 'new Float32Array(bytes.buffer) }]; // for dtype F32',
  bfloat16:
    'new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer) }]; // for dtype BF16',
  float16: 'new Float16Array(bytes.buffer) }]; // for dtype F16, from Node 24 on',
};

const inJavaScript = (dtype: ExportDtype) => `import { Tokenizer } from 'tokenizers';
${readTensors.replace(numbersInJavaScript.float32, numbersInJavaScript[dtype])}

const tokenizer = Tokenizer.fromFile('tokenizer.json');
const ids = (await tokenizer.encode('a text')).getIds();`;

const inherited = ` What the model that it was trained from has learnt, errors and prejudices included, is in it too, and that
model's licence goes with it.`;

const limitsOfProblem: Readonly<Record<ProblemType, (labels: number | string) => string>> = {
  single_label_classification: (labels) =>
    `Every text gets one of the ${labels} labels, also one that belongs to none of them, and the probabilities were not calibrated.`,
  multi_label_classification: (labels) =>
    `Each of the ${labels} labels is given where its probability is at least 0.5; the probabilities were not calibrated, nor that threshold chosen for a purpose.`,
  regression: () => 'Every text gets a number, also one that has nothing to do with those it was trained on.',
};

/** The Python that embeds texts with an encoder that learnt from pairs. */
const embeddingTexts = `The encoder alone, as embeddings of texts, with the \`sentence-transformers\` package:

${fenced('python', 'from sentence_transformers import SentenceTransformer\n\nprint(SentenceTransformer(".").encode(["a text", "another"]))')}

`;

const howFewShot = ({ dataset: { pairs, trainingSamples } }: RunReport) =>
  `The encoder learnt from ${pairs} pairs an epoch of ${trainingSamples} texts which of them have the same label (as in SetFit), and logistic regression on its embeddings of
these texts gives the labels.`;

/** The parts of the card of a language model. */
export const textCard: CardOfKind = {
  frontMatter(run) {
    const { task, fresh, isFewShot } = settingsOf(run);
    const base = fresh ? undefined : run.model?._name_or_path;
    const names = Object.keys(run.epochs.at(-1)?.metrics ?? {}).flatMap((name) => hubMetrics[name] ?? []);
    const measured = [...new Set(names)];
    const kind = run.model?.model_type;
    return {
      library_name: run.adapter ? 'peft' : 'transformers',
      pipeline_tag: pipelineTags[task],
      ...(typeof base === 'string' && hubName.test(base) ? { base_model: base } : {}),
      tags: [
        'tempbalance',
        'safetensors',
        ...(run.adapter ? ['lora'] : []),
        ...(isFewShot ? ['sentence-transformers'] : []),
        ...(typeof kind === 'string' ? [kind] : []),
      ],
      ...(measured.length > 0 ? { metrics: measured } : {}),
    };
  },
  loading(run, { dtype }) {
    const { task, isFewShot } = settingsOf(run);
    const predicting = `From the command line, with the \`tempbalance\` package:

${fenced('sh', 'npx tempbalance predict . texts.jsonl')}

`;
    const { adapter } = run;
    const what = adapter
      ? `The folder is one that \`peft\` loads: a LoRA adapter in ${dtype} with \`adapter_config.json\`, without the weights of its base;
the base's \`config.json\` with this model's labels as \`${baseConfigFile}\`, the tokenizer. \`npx tempbalance export . whole-model --merge\` writes a folder that \`transformers\` loads by itself.`
      : `The folder is one that \`transformers\` loads: weights in ${dtype}, \`config.json\`, the tokenizer.`;
    return `${what}

Python, with the ${adapter ? '`peft` and `transformers` packages' : '`transformers` package'} and PyTorch:

${fenced('python', `${loadingIn(task, run)}\n${usingIn(run)}`)}

${isFewShot ? embeddingTexts : ''}${hasLabels(task) || task === 'seq2seq' ? predicting : ''}JavaScript: the tensors without any package, the tokenizer with \`tokenizers\`:

${fenced('js', adapter ? inJavaScript(dtype).replace('model.safetensors', adapterWeightsFile) : inJavaScript(dtype))}`;
  },
  limits(run) {
    const { task, maxTokens, fresh, isFewShot, problemType = 'single_label_classification' } = settingsOf(run);
    const labels = (run.dataset.labels as readonly string[] | undefined)?.length;
    const ofTask =
      task === 'token-classification'
        ? `Every word gets one of the ${labels ?? 'known'} tags, also in texts that are not split into words as those were. Texts longer
than ${maxTokens} tokens were cut in training and evaluation.`
        : task === 'classification'
          ? `${isFewShot ? `${howFewShot(run)} ` : ''}${limitsOfProblem[problemType](labels ?? 'known')} Texts longer
than ${maxTokens} tokens were cut in training and evaluation.`
          : `It was trained on ${task === 'causal-lm' ? 'pieces' : 'texts'} of at most ${maxTokens} tokens, and may write or rank what is false or harmful.`;
    return `${chosenOn(run)} It was
trained with little data: expect it to hold for texts like those, in language, source, subject and length, and measure before relying on it
elsewhere. ${ofTask}${fresh ? '' : inherited}`;
  },
};
