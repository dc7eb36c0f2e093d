"""Logits of exported folders in transformers, and of adapters in peft, as a peer of the suite `hugging-face`."""
import json
import sys

import peft
import torch
import transformers

AUTO = {
    "classification": transformers.AutoModelForSequenceClassification,
    "causal-lm": transformers.AutoModelForCausalLM,
    "masked-lm": transformers.AutoModelForMaskedLM,
    "seq2seq": transformers.AutoModelForSeq2SeqLM,
    "token-classification": transformers.AutoModelForTokenClassification,
}
transformers.logging.set_verbosity_error()

print(json.dumps({"version": f"transformers {transformers.__version__}, peft {peft.__version__}"}), flush=True)
for line in sys.stdin:
    case = json.loads(line)
    model, info = AUTO[case["task"]].from_pretrained(case["folder"], output_loading_info=True, attn_implementation="eager")
    differences = [f"{kind}: {name}" for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for name in info[kind]]
    if "adapter" in case:
        model = peft.PeftModel.from_pretrained(model, case["adapter"])
    model.eval()
    written = {"decoder_input_ids": torch.tensor(case["decoderIds"])} if "decoderIds" in case else {}
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor(case["inputIds"]), attention_mask=torch.tensor(case["attentionMask"]), **written
        ).logits
    print(
        json.dumps(
            {
                "differences": differences,
                "className": type(model).__name__,
                "dtype": str(logits.dtype),
                "logits": logits.flatten().tolist(),
            }
        ),
        flush=True,
    )
