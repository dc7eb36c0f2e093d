"""Labels texts with an exported folder in transformers, or an exported adapter in peft, and writes its tokenizer anew."""
import json
import sys

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

case = json.load(sys.stdin)
tokenizer = AutoTokenizer.from_pretrained(case["folder"])
if "base" in case:
    from peft import PeftModel

    config = AutoConfig.from_pretrained(f"{case['folder']}/base_config.json")
    base = AutoModelForSequenceClassification.from_pretrained(case["base"], config=config)
    model = PeftModel.from_pretrained(base, case["folder"])
else:
    # A head that transformers does not have comes with its code.
    model, info = AutoModelForSequenceClassification.from_pretrained(
        case["folder"], trust_remote_code=case.get("ownClass", False), output_loading_info=True
    )
    assert not info["missing_keys"] and not info["unexpected_keys"], info
model.eval()
encoded = [tokenizer(text, truncation=True, max_length=case["maxTokens"]) for text in case["texts"]]
with torch.no_grad():
    rows = [model(**{name: torch.tensor([ids]) for name, ids in each.items()}).logits[0].softmax(-1) for each in encoded]
labels = [model.config.id2label[index] for index in range(model.config.num_labels)]
tokenizer.save_pretrained(case["tokenizer"])
json.dump(
    {
        "ids": [each["input_ids"] for each in encoded],
        "decoded": [tokenizer.decode(each["input_ids"], skip_special_tokens=True) for each in encoded],
        "probabilities": [dict(zip(labels, row.tolist())) for row in rows],
    },
    sys.stdout,
)
