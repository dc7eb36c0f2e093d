"""Rates of TempBalance for a trainer of your own; needs PyTorch and the command `tempbalance` (docs/own-trainer.md)."""
import json, os, re, subprocess, sys, tempfile
import torch

COMMAND = ["npx", "tempbalance"]  # what starts the command here

def read_rates(path, *options):
    """The rates of a checkpoint by `tempbalance rates`, or those of a file that it wrote (its name ends in rates.json)."""
    if str(path).endswith("rates.json"):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    done = subprocess.run([*COMMAND, "rates", str(path), "--json", *options], capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)

def rates_of(model, *options):
    """The rates of a model as it is now, which is saved into a folder for the time of it."""
    while type(model).__name__ in ("DistributedDataParallel", "DataParallel", "OptimizedModule"):
        model = getattr(model, "_orig_mod", None) or model.module
    with tempfile.TemporaryDirectory() as folder:
        if hasattr(model, "save_pretrained"):  # its config.json tells which layer each norm follows
            model.save_pretrained(folder)
        else:
            torch.save(model.state_dict(), os.path.join(folder, "model.pt"))
        return read_rates(folder, *options)

def _plain(name):  # without what wrappers put before it, and PEFT's name of an adapter, which its files don't have
    name = re.sub(r"\.modules_to_save\.[^.]+|(?<=\.lora_[AB])\.[^.]+(?=\.weight$)", "", name)
    return re.sub(r"(^|\.)((module|_orig_mod)\.)+", r"\1", name)

def _trained(model):
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]

_said = set()

def _rows(model, rates):
    """For each name that the model has for a parameter that is trained what the rates say of it, or None."""
    exact, plain = rates["parameters"], {_plain(name): row for name, row in rates["parameters"].items()}
    rows = {name: exact.get(name) or plain.get(_plain(name)) for name, _ in _trained(model)}
    missing = [name for name, row in rows.items() if row is None]
    if len(missing) == len(rows):
        raise ValueError(f"no parameter of the model, such as {missing[:1]}, is named in the rates of {rates['source']['path']}")
    if new := [name for name in missing if name not in _said]:
        print(f"tempbalance: not in the rates, so at the base rate: {', '.join(new)}", file=sys.stderr)
        _said.update(new)
    return rows

def param_groups(model, rates, base_lr, weight_decay=0.0):
    """Groups for an optimizer: one for each layer's matrices, one for its biases and norms, one for each parameter without a layer."""
    rows, groups = _rows(model, rates), {}
    for name, parameter in _trained(model):
        row = rows[name] or {"layer": None, "decays": parameter.ndim > 1}
        decay = weight_decay if row["decays"] else 0.0
        empty = {"params": [], "names": [], "lr": base_lr, "factor": 1.0, "weight_decay": decay, "base_weight_decay": decay}
        group = groups.setdefault((row["layer"] or name, row["decays"]), empty)
        group["params"].append(parameter)
        group["names"].append(name)
    _set(list(groups.values()), rows, [])
    return list(groups.values())

def _set(groups, rows, schedulers):
    for index, group in enumerate(groups):
        row = rows[group["names"][0]] or {"learningRateFactor": 1.0, "weightDecayFactor": 1.0}
        factor = max(row["learningRateFactor"], 1e-12)  # at 0 the schedule could not be told from the rate
        ratio, group["factor"] = factor / group["factor"], factor
        group.update({key: group[key] * ratio for key in ("lr", "initial_lr", "max_lr", "min_lr") if key in group})
        group["weight_decay"] = group["base_weight_decay"] * row["weightDecayFactor"]
        for scheduler in schedulers:
            scheduler.base_lrs[index] *= ratio

def set_rates(model, optimizer, rates, scheduler=None):
    """Gives the groups of `param_groups` new rates; the LR scheduler goes on multiplying them as before."""
    scheduler = getattr(scheduler, "scheduler", scheduler)  # accelerate's is around that of PyTorch
    inner = getattr(scheduler, "_schedulers", [scheduler])
    _set(optimizer.param_groups, _rows(model, rates), [each for each in inner if hasattr(each, "base_lrs")])

def rebalance(model, optimizer, scheduler=None, options=()):
    """For the end of an epoch: measures the model and sets the rates. Options are those of `tempbalance rates`."""
    set_rates(model, optimizer, rates_of(model, *options), scheduler)

def trainer_callback(*options):
    """For `transformers.Trainer(callbacks=[...])`: new rates after every epoch but the last."""
    from transformers import TrainerCallback
    class Rebalance(TrainerCallback):
        def on_epoch_end(self, args, state, control, model=None, optimizer=None, lr_scheduler=None, **_):
            if state.global_step < state.max_steps:
                rebalance(model, optimizer, lr_scheduler, options)
    return Rebalance()

def lightning_callback(*options):
    """For `lightning.Trainer(callbacks=[...])`: new rates of the first optimizer after every epoch."""
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback
    class Rebalance(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            configs = trainer.lr_scheduler_configs
            rebalance(pl_module, trainer.optimizers[0], configs[0].scheduler if configs else None, options)
    return Rebalance()
