"""A whole run of a classifier with PyTorch, as a peer of the suite `run-memory`: evaluates, trains an epoch with AdamW, evaluates, and saves.

By the Trainer of transformers where `accelerate` is installed, else by a loop of the same steps. Prints which, and the peak resident memory in MiB.
"""
import importlib.util
import json
import pathlib
import resource
import sys
import tempfile
import time

import torch
import transformers

torch.set_num_threads(2)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

case = json.load(sys.stdin)
folder = pathlib.Path(case["folder"])
began = time.perf_counter()
words = json.load(open(folder / "tokenizer.json"))["model"]["vocab"]
model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
rows = [json.loads(line) for line in open(case["texts"])]
encoded = [
    {
        "input_ids": [words["[CLS]"], *(words[word] for word in row["text"].split()), words["[SEP]"]],
        "labels": int(row["label"] == "odd"),
    }
    for row in rows
]
batch = case["batchSize"]
train, held = encoded[batch:], encoded[:batch]


def collate(examples):
    ids = torch.tensor([each["input_ids"] for each in examples])
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": torch.tensor([each["labels"] for each in examples]),
    }


def by_trainer(output):
    settings = transformers.TrainingArguments(
        output_dir=output,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        num_train_epochs=1,
        gradient_checkpointing=case["checkpointing"],
        save_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        model=model, args=settings, train_dataset=train, eval_dataset=held, data_collator=collate
    )
    trainer.evaluate()
    trainer.train()
    trainer.evaluate()
    trainer.save_model(output)


def by_loop(output):
    if case["checkpointing"]:
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)

    def evaluate():
        model.eval()
        with torch.no_grad():
            model(**collate(held))

    evaluate()
    model.train()
    for start in range(0, len(train), batch):
        optimizer.zero_grad()
        model(**collate(train[start : start + batch])).loss.backward()
        optimizer.step()
    evaluate()
    torch.save(optimizer.state_dict(), pathlib.Path(output) / "optimizer.pt")
    model.save_pretrained(output)


has_trainer = importlib.util.find_spec("accelerate") is not None
with tempfile.TemporaryDirectory() as output:
    (by_trainer if has_trainer else by_loop)(output)
name = f"the Trainer of transformers {transformers.__version__}" if has_trainer else f"PyTorch {torch.__version__}"
print(
    json.dumps(
        {
            "name": name,
            "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "wallSeconds": time.perf_counter() - began,
        }
    )
)
