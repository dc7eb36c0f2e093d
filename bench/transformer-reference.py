"""The same training steps in PyTorch, as a peer of the suite `transformer`: the folder's model in transformers, or its adapter in peft, on two threads, or on the device that TEMPBALANCE_TORCH_DEVICE names."""
import json
import os
import resource
import sys
import time

import torch
import transformers

torch.set_num_threads(2)
# With float32 as the other side, not with the shorter numbers that PyTorch takes for convolutions on a GPU.
torch.backends.cudnn.allow_tf32 = False
DEVICE = torch.zeros(1, device=os.environ.get("TEMPBALANCE_TORCH_DEVICE", "cpu")).device
PLACE = torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else f"{torch.get_num_threads()} threads"
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


AUTO = {
    "classification": transformers.AutoModelForSequenceClassification,
    "causal-lm": transformers.AutoModelForCausalLM,
}


def prepare(case):
    model = AUTO[case["task"]].from_pretrained(case["folder"])
    if "adapter" in case:
        import peft

        model = peft.PeftModel.from_pretrained(model, case["adapter"], is_trainable=True)
    model.to(DEVICE).train()
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in trained if not name.endswith("bias") and "LayerNorm" not in name]
    others = [p for name, p in trained if name.endswith("bias") or "LayerNorm" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": case["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
        lr=case["learningRate"],
    )
    ids = torch.tensor(case["inputIds"], device=DEVICE)
    labels = torch.tensor(case["labels"], device=DEVICE) if "labels" in case else ids
    return model, optimizer, ids, torch.ones_like(ids), labels


def train(case, model, optimizer, ids, mask, labels):
    losses = []
    for _ in range(case["steps"]):
        optimizer.zero_grad()
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


prepared = {}
print(json.dumps({"version": f"PyTorch {torch.__version__}, {PLACE}"}), flush=True)
for line in sys.stdin:
    case = json.loads(line)
    if case["name"] not in prepared:
        prepared = {case["name"]: prepare(case)}
    wall, used = time.perf_counter(), processor_seconds()
    losses = train(case, *prepared[case["name"]])
    print(
        json.dumps(
            {
                "wallSeconds": time.perf_counter() - wall,
                "cpuSeconds": processor_seconds() - used,
                "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "losses": losses,
            }
        ),
        flush=True,
    )
