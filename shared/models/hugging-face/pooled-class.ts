/** A class of `transformers` for classifiers by pooled embeddings, which the library has none for. */

export const pooledClass = 'PooledForSequenceClassification';
export const pooledModule = 'modeling_pooled';
export const pooledFile = `${pooledModule}.py`;

/** What is put beside such a model, by Hugging Face's name of its kind. */
export const pooledPython = (
  modelType: string,
): string => `"""Labels for texts by the pooled output of an encoder and a linear layer.

AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True) takes this class.
"""

import inspect

import torch
from transformers import CONFIG_MAPPING, MODEL_MAPPING, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class ${pooledClass}(PreTrainedModel):
    config_class = CONFIG_MAPPING[${JSON.stringify(modelType)}]

    def __init__(self, config):
        super().__init__(config)
        encoder = MODEL_MAPPING[type(config)]
        has_pooler = "add_pooling_layer" in inspect.signature(encoder.__init__).parameters
        self.encoder_name = encoder.base_model_prefix
        setattr(self, self.encoder_name, encoder(config, **({"add_pooling_layer": False} if has_pooler else {})))
        self.sentence_classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def embed(self, input_ids, attention_mask=None, **others):
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        encoder = getattr(self, self.encoder_name)
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask, **others).last_hidden_state
        settings = self.config.sentence_embedding
        if settings["pooling"] == "cls":
            texts = hidden[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            texts = (hidden * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(texts) if settings["normalise"] else texts

    def forward(self, input_ids, attention_mask=None, labels=None, **others):
        logits = self.sentence_classifier(self.embed(input_ids, attention_mask, **others))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
`;
