"""Rates of TempBalance in a trainer of your own: https://www.npmjs.com/package/tempbalance, docs/own-trainer.md"""
import json, os, re, subprocess, sys, tempfile
import torch

COMMAND = ["npx", "tempbalance"]  # whatever starts the command here


def read_rates(path, *options):
    """The rates of a checkpoint by `tempbalance rates`, or those in a file that it wrote (rates.json)."""
    if str(path).endswith("rates.json"):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    done = subprocess.run([*COMMAND, "rates", str(path), "--json", *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def rates_of(model, *options):
    """The rates of a model as it is: it is saved into a folder that is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        if hasattr(model, "save_pretrained"):  # with its config.json, by which norms follow the same layers as in tempbalance
            model.save_pretrained(folder)
        else:
            torch.save(model.state_dict(), os.path.join(folder, "model.pt"))
        return read_rates(folder, *options)


def _plain(name):
    return re.sub(r"(^|\.)((module|_orig_mod)\.)+", r"\1", name)


def _by_name(model, rates):
    """The rates of the parameters under the names that the model has for them."""
    plain = {_plain(name): row for name, row in rates["parameters"].items()}
    rows = {name: rates["parameters"].get(name) or plain.get(_plain(name)) for name, _ in model.named_parameters()}
    missing = [name for name, row in rows.items() if row is None]
    if len(missing) == len(rows):
        raise ValueError(f"the rates of {rates['source']['path']} are of another model: none of its names is here, such as {missing[:1]}")
    if missing:
        print(f"tempbalance: at the base rate, as the rates don't name them: {', '.join(missing)}", file=sys.stderr)
    return rows


def param_groups(model, rates, base_lr, weight_decay=0.0):
    """Groups for an optimizer, one for each layer, split into what decays and what does not. Make them before the LR scheduler."""
    rows, groups = _by_name(model, rates), {}
    for name, parameter in model.named_parameters():
        row = rows[name] or {"layer": None, "decays": parameter.ndim > 1}
        # Of what follows no layer each has a group: heads may get the largest factor, and others not.
        key = (row["layer"] or name, row["decays"])
        group = groups.setdefault(key, {"params": [], "names": [], "lr": base_lr, "weight_decay": weight_decay if row["decays"] else 0.0})
        group["params"].append(parameter)
        group["names"].append(name)
    groups = [{**group, "factor": 1.0, "base_weight_decay": group["weight_decay"]} for group in groups.values()]
    _set(groups, rows)
    return groups


def _set(groups, rows, *schedulers):
    for index, group in enumerate(groups):
        row = rows.get(group["names"][0]) or {}
        factor = max(row.get("learningRateFactor", 1.0), 1e-12)  # never 0, from which no ratio would lead back
        ratio, group["factor"] = factor / group["factor"], factor
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if key in group:
                group[key] = group[key] * ratio
        group["weight_decay"] = group["base_weight_decay"] * row.get("weightDecayFactor", 1.0)
        for scheduler in schedulers:
            scheduler.base_lrs[index] *= ratio


def set_rates(model, optimizer, rates, scheduler=None):
    """New rates for groups that `param_groups` made; what an LR scheduler multiplies them by stays."""
    scheduler = getattr(scheduler, "scheduler", scheduler)  # that of accelerate is around torch's
    inner = getattr(scheduler, "_schedulers", [scheduler])
    _set(optimizer.param_groups, _by_name(model, rates), *(each for each in inner if hasattr(each, "base_lrs")))
