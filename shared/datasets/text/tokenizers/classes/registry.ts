/** Which class of tokenizers `transformers` (5.18) takes for a folder. */
import { UserError } from '../../../../core/errors.ts';
import { bert, distilBert } from './bert.ts';
import { deberta, gpt2, qwen2, roberta } from './byte-level.ts';
import type { TokenizerClass } from './class.ts';
import { mpnet } from './mpnet.ts';
import { gemma, llama } from './sentence-piece-bpe.ts';
import { albert, camembert, debertaV2, t5, xlmRoberta } from './unigram.ts';

const classes: readonly TokenizerClass[] = [
  bert,
  distilBert,
  mpnet,
  roberta,
  gpt2,
  deberta,
  qwen2,
  llama,
  gemma,
  t5,
  xlmRoberta,
  camembert,
  albert,
  debertaV2,
];

/** The class that takes tokenizer.json as it is. */
export const plainClass = 'TokenizersBackend';

/** The class of each kind of model; absent: the kind says nothing. */
const classOfModel: Readonly<Record<string, string>> = {
  albert: 'AlbertTokenizer',
  bart: 'RobertaTokenizer',
  bert: 'BertTokenizer',
  camembert: 'CamembertTokenizer',
  deberta: 'DebertaTokenizer',
  'deberta-v2': 'DebertaV2Tokenizer',
  distilbert: 'BertTokenizer',
  electra: 'BertTokenizer',
  ernie: 'BertTokenizer',
  gemma: 'GemmaTokenizer',
  gemma2: 'GemmaTokenizer',
  gemma3: 'GemmaTokenizer',
  gemma3_text: 'GemmaTokenizer',
  gpt2: 'GPT2Tokenizer',
  'megatron-bert': 'BertTokenizer',
  mistral: plainClass,
  mixtral: plainClass,
  modernbert: plainClass,
  mpnet: 'MPNetTokenizer',
  mt5: 'T5Tokenizer',
  nomic_bert: 'BertTokenizer',
  phi: 'GPT2Tokenizer',
  phi3: plainClass,
  qwen2: 'Qwen2Tokenizer',
  qwen2_moe: 'Qwen2Tokenizer',
  qwen3: 'Qwen2Tokenizer',
  qwen3_moe: 'Qwen2Tokenizer',
  roberta: 'RobertaTokenizer',
  t5: 'T5Tokenizer',
  umt5: plainClass,
  'xlm-roberta': 'XLMRobertaTokenizer',
  'xlm-roberta-xl': plainClass,
};

/** Kinds of models whose tokenizer_config.json on the hub names a wrong class: the one above is taken. */
const wronglyNamed = new Set(['modernbert', 'phi3', 'qwen2']);

/** Classes with rules of their own that are not known here. */
const otherClasses = new Set(
  `Barthez Bartpho BertGeneration BertJapanese Bertweet BigBird BioGpt BlenderbotSmall Blenderbot ByT5 CLIP CTRL Canine Clvp CodeGen
  CodeLlama Cohere ConvBert CpmAnt Cpm DPRContextEncoder DPRQuestionEncoder DPRReader Dia Esm Esmc FNet FSMT FastSpeech2Conformer
  Flaubert Funnel GPTNeoXJapanese GPTNeoX GPTSw3 Herbert Lasr LayoutLMv2 LayoutLMv3 LayoutXLM Luke M2M100 MBart50 MBart MLuke Marian
  MarkupLM Mgpstr MyT5 Nllb Nougat OpenAIGPT PLBart Parakeet Pegasus Perceiver Phobert Pop2Piano ProphetNet Qwen3_5 Rag Reformer RemBert
  RoCBert RoFormer SeamlessM4T Siglip2 Siglip Speech2Text SpeechT5 Splinter Tapas Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC
  Wav2Vec2PhonemeCTC Whisper XGLM XLM XLNet`
    .split(/\s+/)
    .map((name) => `${name}Tokenizer`),
);

const withoutFast = (name: string) => name.replace(/Fast$/, '');

/** The values in a folder that tell its tokenizer's class. */
export interface ClassHints {
  /** `tokenizer_class` of tokenizer_config.json. */
  readonly named?: string | undefined;
  /** `model_type` of config.json. */
  readonly modelType?: string | undefined;
  /** `tokenizer_class` of config.json. */
  readonly namedByModel?: string | undefined;
}

/**
 * The class of a folder's tokenizer; undefined: the one that takes tokenizer.json as it is.
 * @throws UserError when it is one with rules that are not known here.
 */
export function tokenizerClass(
  { named, modelType, namedByModel }: ClassHints,
  where: string,
): TokenizerClass | undefined {
  const name = classNameOf({ named, modelType, namedByModel });
  if (otherClasses.has(name)) {
    throw new UserError(`tokenizer_class ${name} makes its tokenizer by rules of its own, which are not known here`, {
      where,
      remedy: `In Python, AutoTokenizer.from_pretrained(folder).backend_tokenizer.save("tokenizer.json") writes what it makes; put "tokenizer_class": "${plainClass}" into tokenizer_config.json beside that file.`,
    });
  }
  return classes.find(({ names }) => names.includes(name));
}

function classNameOf({ named, modelType, namedByModel }: ClassHints): string {
  const ofModel = modelType === undefined ? undefined : classOfModel[modelType];
  const hinted = named ?? namedByModel;
  if (ofModel === undefined || hinted === undefined) return withoutFast(hinted ?? ofModel ?? plainClass);
  if (withoutFast(hinted) === ofModel) return ofModel;
  if (ofModel === plainClass) return plainClass;
  return wronglyNamed.has(modelType!) ? ofModel : withoutFast(hinted);
}
