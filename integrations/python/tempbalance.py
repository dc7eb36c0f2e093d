"""Rates of TempBalance for a trainer of your own; needs PyTorch and the command `tempbalance` (docs/own-trainer.md)."""
import importlib.util, json, subprocess, tempfile, torch, warnings
COMMAND = ["npx", "--no", "--", "tempbalance"]  # what starts the command; --no: npx must not download another package
WRAPPERS = ("DistributedDataParallel", "DataParallel", "OptimizedModule")

def rates_of(model, *options, path=None):
    """Rates of what is trained of a model: of the model as it is now, or of a checkpoint or `rates.json` at a path."""
    trained = {name: list(each.shape) for name, each in model.named_parameters() if each.requires_grad}
    inner = next(each for each in model.modules() if type(each).__name__ not in WRAPPERS)
    save = getattr(inner, "save_pretrained", lambda at: torch.save(inner.state_dict(), f"{at}/model.pt"))
    with tempfile.TemporaryDirectory() as folder:
        if path is None:  # save_pretrained writes a config.json, which tells which layer each norm follows
            save(folder)
        command = [*COMMAND, "rates", str(path or folder), "--json", "--parameters", "-", *options]
        done = subprocess.run(command, input=json.dumps(trained), capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    rates = json.loads(done.stdout)
    for each in rates["warnings"]:
        warnings.warn(each, stacklevel=2)
    return rates

def param_groups(model, rates, base_lr, weight_decay=0.0):
    """Groups for an optimizer: of each layer its matrices, its biases and norms; each parameter that has no layer."""
    return set_rates([{"params": [model.get_parameter(name) for name in row["parameters"]], "lr": base_lr,
                       "factor": 1.0, "names": row["parameters"], "base_decay": weight_decay * row["decays"]}
                      for row in rates["groups"]], rates)

def set_rates(groups, rates, scheduler=None):
    """For the end of an epoch: gives groups new rates, and returns them; the LR scheduler multiplies them as before."""
    if any("base_decay" not in group for group in groups):
        raise ValueError("the optimizer has other groups: make it of those that tempbalance.param_groups returns")
    scheduler = getattr(scheduler, "scheduler", scheduler)  # accelerate's is around that of PyTorch
    schedulers = [each for each in getattr(scheduler, "_schedulers", [scheduler]) if hasattr(each, "base_lrs")]
    for index, group in enumerate(groups):
        row = rates["parameters"][group["names"][0]]
        factor = max(row["learningRateFactor"], 1e-12)  # at 0 the schedule could not be told from the rate
        ratio, group["factor"] = factor / group["factor"], factor
        group.update({key: group[key] * ratio for key in ("lr", "initial_lr", "max_lr", "min_lr") if key in group})
        group["weight_decay"] = group["base_decay"] * row["weightDecayFactor"]
        for each in schedulers:
            each.base_lrs[index] *= ratio
    return groups

def trainer_callback(*options):
    """For `transformers.Trainer(callbacks=[...])`: new rates after every epoch but the last."""
    class Rebalance(importlib.import_module("transformers").TrainerCallback):
        def on_epoch_end(self, args, state, control, model=None, optimizer=None, lr_scheduler=None, **_):
            if state.global_step < state.max_steps:
                set_rates(optimizer.param_groups, rates_of(model, *options), lr_scheduler)
    return Rebalance()

def lightning_callback(*options):
    """For `lightning.Trainer(callbacks=[...])`: new rates of the first optimizer after every epoch."""
    package = "lightning.pytorch" if importlib.util.find_spec("lightning") else "pytorch_lightning"
    class Rebalance(importlib.import_module(package).Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            scheduler = next((each.scheduler for each in trainer.lr_scheduler_configs), None)
            set_rates(trainer.optimizers[0].param_groups, rates_of(pl_module, *options), scheduler)
    return Rebalance()
