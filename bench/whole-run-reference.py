"""A whole fine-tuning run by the Trainer of transformers, for the suite `whole-run`: from the process's start to the saved model, on two threads.
Prints its processor time and its peak of resident memory."""
import csv
import json
import resource
import sys

import torch
import transformers

torch.set_num_threads(2)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


class Texts(torch.utils.data.Dataset):
    """Tokenized texts with their labels by number."""

    def __init__(self, rows, labels, tokenizer, most):
        found = tokenizer([text for text, _ in rows], truncation=True, max_length=most)
        numbers = {label: number for number, label in enumerate(labels)}
        self.rows = [
            {"input_ids": ids, "attention_mask": mask, "labels": numbers[label]}
            for ids, mask, (_, label) in zip(found["input_ids"], found["attention_mask"], rows)
        ]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file) if path.endswith(".csv") else map(json.loads, file)
        return [(row["text"], row["label"]) for row in rows]


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


with open(sys.argv[1], encoding="utf-8") as file:
    case = json.load(file)
transformers.set_seed(1)
training, validation = read(case["training"])[: case["samples"]], read(case["validation"])
labels = sorted({label for _, label in training})
tokenizer = transformers.AutoTokenizer.from_pretrained(case["model"])
model = transformers.AutoModelForSequenceClassification.from_pretrained(case["model"], num_labels=len(labels))
trainer = transformers.Trainer(
    model=model,
    args=transformers.TrainingArguments(
        output_dir=case["output"],
        num_train_epochs=case["epochs"],
        per_device_train_batch_size=case["batchSize"],
        per_device_eval_batch_size=case["batchSize"],
        learning_rate=case["learningRate"],
        weight_decay=0.01,
        optim="adamw_torch",
        max_grad_norm=0.0,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        logging_strategy="epoch",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    ),
    train_dataset=Texts(training, labels, tokenizer, case["tokens"]),
    eval_dataset=Texts(validation, labels, tokenizer, case["tokens"]),
    data_collator=transformers.DataCollatorWithPadding(tokenizer),
    compute_metrics=accuracy,
)
trainer.train()
trainer.save_model(f"{case['output']}/model")
tokenizer.save_pretrained(f"{case['output']}/model")
used = resource.getrusage(resource.RUSAGE_SELF)
try:  # the system's maximum begins with that of the process it was started by
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except OSError:
    peak = used.ru_maxrss
print(json.dumps({"cpuSeconds": used.ru_utime + used.ru_stime, "peakMiB": peak / 1024}))
