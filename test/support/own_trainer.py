"""What a trainer of one's own does with integrations/python/tempbalance.py; prints the facts as JSON, each by its name."""
import contextlib, importlib.machinery, io, json, os, sys, tempfile, types

given = json.load(sys.stdin)
sys.path.insert(0, "integrations/python")
import tempbalance
import torch

tempbalance.COMMAND = given["command"]
options = ("--set", "balance.minEigenvalues=4", "--set", "balance.unit=layer")
facts = {}


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.norm = torch.nn.Linear(16, 16), torch.nn.LayerNorm(16)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tok_embeddings = torch.nn.Embedding(20, 16)
        self.layers = torch.nn.ModuleList([Block(), Block(), Block()])
        self.head = torch.nn.Linear(16, 2)


def factors(optimizer):
    return {group["names"][0]: group["factor"] for group in optimizer.param_groups}


def changed(model):
    """Other weights, so that other rates follow."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "lin" in name:
                parameter.copy_(torch.randn_like(parameter) ** (3 if name.startswith(("layers.1", "module.layers.1")) else 1))


torch.manual_seed(0)
net = Net()
rates = tempbalance.rates_of(net, *options)
groups = tempbalance.param_groups(net, rates, 0.1, 0.01)
facts["everyParameterOnce"] = sorted(name for group in groups for name in group["names"]) == sorted(dict(net.named_parameters()))
facts["decays"] = {group["names"][0]: group["weight_decay"] for group in groups}
facts["factors"] = {name: rates["parameters"][name]["learningRateFactor"] for group in groups for name in group["names"]}
facts["rates"] = {name: group["lr"] / 0.1 for group in groups for name in group["names"]}

# Schedulers go on as they were, whatever the factors do.
schedules = {
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: step / 4 if step < 4 else 1 - (step - 4) / 12),
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 12),
    "oneCycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, [group["lr"] for group in o.param_groups], total_steps=12),
    "sequential": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o, [torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 4), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)], [4]
    ),
}
before = tempbalance.rates_of(net, *options)
changed(net)
after = tempbalance.rates_of(net, *options)
facts["schedules"] = {}
for name, make in schedules.items():
    plain = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    optimizer = torch.optim.SGD(tempbalance.param_groups(net, before, 0.1))
    alone, scheduler = make(plain), make(optimizer)
    worst, seen = 0.0, []
    for step in range(10):
        plain.step(), optimizer.step(), alone.step(), scheduler.step()
        if step in (1, 6):
            tempbalance.set_rates(optimizer.param_groups, after if step == 1 else before, scheduler)
        seen.append(factors(optimizer))
        for group in optimizer.param_groups:
            worst = max(worst, abs(group["lr"] - plain.param_groups[0]["lr"] * group["factor"]))
    facts["schedules"][name] = {"worst": worst, "moved": seen[0] != seen[2] and seen[0] == seen[9]}

# Rates of a file.
files = tempfile.TemporaryDirectory()


def file_of(parameters):
    path = os.path.join(files.name, "rates.json")
    with open(path, "w") as file:
        json.dump({**rates, "parameters": parameters}, file)
    return path


facts["file"] = tempbalance.rates_of(net, path=file_of(rates["parameters"])) == rates

# Names as wrappers make them, in the file and in the model.
DataParallel = type("DataParallel", (torch.nn.Module,), {})
wrapped = DataParallel()
wrapped.module = net
compiled = file_of({f"_orig_mod.{name}": row for name, row in rates["parameters"].items()})
factors_of = lambda model, some: [group["factor"] for group in tempbalance.param_groups(model, some, 0.1)]
facts["wrapped"] = [
    factors_of(wrapped, tempbalance.rates_of(wrapped, *options)) == factors_of(net, after),
    factors_of(wrapped, tempbalance.rates_of(wrapped, path=compiled)) == factors_of(net, rates),
]

# Names that the rates don't have.
few = file_of({name: row for name, row in rates["parameters"].items() if not name.startswith("head")})
with contextlib.redirect_stderr(io.StringIO()) as said:
    for _ in range(2):
        partly = tempbalance.param_groups(net, tempbalance.rates_of(net, path=few), 0.1)
facts["said"] = said.getvalue()
facts["unnamed"] = [group["factor"] for group in partly if group["names"][0].startswith("head")]
facts["refused"] = []
for model, path, more in ((torch.nn.Linear(2, 2), few, ()), (net, few, options), (net, "integrations", ())):
    try:
        tempbalance.rates_of(model, *more, path=path)
    except RuntimeError as error:
        facts["refused"].append(str(error))
try:
    tempbalance.set_rates(torch.optim.SGD(net.parameters(), lr=0.1).param_groups, before)
except ValueError as error:
    facts["refused"].append(str(error))

# Lightning is stood in for by the class that callbacks derive from, and by what its trainer holds when it calls the hook.
lightning, pytorch = types.ModuleType("lightning"), types.ModuleType("lightning.pytorch")
lightning.__spec__ = importlib.machinery.ModuleSpec("lightning", None)
pytorch.Callback = type("Callback", (), {})
sys.modules.update({"lightning": lightning, "lightning.pytorch": pytorch})
optimizer = torch.optim.SGD(tempbalance.param_groups(net, before, 0.1))
scheduler = schedules["lambda"](optimizer)
trainer = types.SimpleNamespace(optimizers=[optimizer], lr_scheduler_configs=[types.SimpleNamespace(scheduler=scheduler)])
callback = tempbalance.lightning_callback(*options)
callback.on_train_epoch_end(trainer, net)
expected = torch.optim.SGD(tempbalance.param_groups(net, after, 0.1))
facts["lightning"] = isinstance(callback, pytorch.Callback) and factors(optimizer) == factors(expected) != {}

if given["transformers"]:
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

    sizes = dict(vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    bert = BertForSequenceClassification(BertConfig(**sizes, max_position_embeddings=32, initializer_range=0.2))
    start = tempbalance.rates_of(bert, *options)
    facts["bert"] = {"known": start["known"], "kindFrom": start["kindFrom"], "notes": start["notes"]}
    optimizer = torch.optim.AdamW(tempbalance.param_groups(bert, start, 0.05, 0.01))
    steps = []

    class Log(TrainerCallback):
        def on_step_end(self, args, state, control, optimizer=None, **_):
            steps.append([{"factor": group["factor"], "lr": group["lr"]} for group in optimizer.param_groups])

    texts = [{"input_ids": torch.randint(0, 64, (8,)), "labels": place % 2} for place in range(16)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=2, per_device_train_batch_size=4, lr_scheduler_type="linear", save_strategy="no",
            report_to=[], use_cpu=True, disable_tqdm=True,
        )
        callbacks = [tempbalance.trainer_callback(*options), Log()]
        Trainer(bert, arguments, train_dataset=texts, optimizers=(optimizer, None), callbacks=callbacks).train()
    facts["trainer"] = steps

    if given["peft"]:
        from peft import LoraConfig, get_peft_model

        adapted = get_peft_model(bert, LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"]))
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name:
                    parameter.copy_(torch.randn_like(parameter))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            groups = tempbalance.param_groups(adapted, tempbalance.rates_of(adapted, *options), 0.1)
        factors = {name: group["factor"] for group in groups for name in group["names"]}
        facts["peft"] = {"said": said.getvalue(), "factors": factors}

files.cleanup()
print("FACTS " + json.dumps(facts))
