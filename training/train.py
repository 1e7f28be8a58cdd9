"""Trains the cross-encoder: resumable at any step, the same with the same seed, usable whenever it is stopped.

    python training/train.py DATA RUN [--steps 4000]     # the same command goes on where the run in RUN stopped
    python training/train.py DATA RUN --branch FROM      # a run of its own that begins with another one's weights

RUN holds `last.pt` (all that is needed to go on), `step-N.safetensors` (the averaged weights: what is evaluated and
exported) and `log.jsonl`. The learning rate is constant after the warm-up; averaging does what a decay would.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from examples import Examples, Group, Pair, Reader
from model import CrossEncoder, started
from safetensors.torch import load_file, save_file
from torch.nn import functional

from ragqa.models.builtin import model_folder

GROUPS = 8
"""A step."""
PADDED, STRIDE = 6, 16
"""Pairs that are padded to one length, and what it is a multiple of: every other shape costs kernels of its own."""
AVERAGE = 0.997
WARM_UP = 100
LISTWISE, ABSOLUTE = 1.0, 0.5
"""The answering passage above the others of its group; and each by itself, so that a logit means one thing."""
SAVE_AFTER_S = 240
"""What is lost at most, and one step."""
DEVELOPMENT, CANDIDATES = 200, 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path)
    options.add_argument("run", type=Path)
    options.add_argument("--steps", type=int, default=4000)
    options.add_argument("--branch", type=Path, help="weights to begin with, instead of the embedder's")
    options.add_argument("--layers", type=int, default=6)
    options.add_argument("--rate", type=float, default=1e-4)
    options.add_argument("--decay", action="store_true", help="let the rate fall to nothing at the last step")
    options.add_argument("--negatives", type=int, default=5)
    options.add_argument("--longest", type=int, default=224, help="tokens of a pair")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--look-every", type=int, default=400)
    chosen = options.parse_args()
    chosen.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(chosen.seed)
    _Run(chosen).train()


class _Run:
    """One training: its state after each step depends on the options and the step's number alone."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.examples = Examples(chosen.data, seed=chosen.seed, negatives=chosen.negatives)
        self.reader = Reader(chosen.longest)
        self.model = started(model_folder(), chosen.layers)
        if chosen.branch:
            self.model.load_state_dict(load_file(chosen.branch))
        # Words stay as they are: few of them are seen often enough, and they are half of all weights.
        self.model.words.weight.requires_grad_(False)
        self.weights = {name: each for name, each in self.model.named_parameters() if each.requires_grad}
        self.average = {name: each.detach().clone() for name, each in self.weights.items()}
        matrices = [each for each in self.weights.values() if each.ndim > 1]
        vectors = [each for each in self.weights.values() if each.ndim == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}],
            lr=chosen.rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = 0
        self.saved = time.monotonic()
        self.pool = ThreadPoolExecutor(chosen.threads, initializer=torch.set_num_threads, initargs=(1,))

    def train(self) -> None:
        self._resume()
        for groups in self._batches():
            begun = time.perf_counter()
            loss, pairs, norm = self._trained(groups)
            self.step += 1
            self._log(loss=loss, pairs=pairs, norm=norm, seconds=time.perf_counter() - begun)
            if time.monotonic() - self.saved > SAVE_AFTER_S:
                self._save()
            if self.step % self.chosen.look_every == 0 or self.step == self.chosen.steps:
                self._keep()
                self._look()
            if self.step >= self.chosen.steps:
                break
        self._save()

    def _batches(self) -> Iterator[Sequence[Group]]:
        """From the current step on, epoch after epoch."""
        passed, epoch = 0, 0
        while True:
            groups = self.examples.epoch(epoch)
            batches = len(groups) // GROUPS
            for number in range(max(0, self.step - passed), batches):
                yield groups[number * GROUPS : (number + 1) * GROUPS]
            passed, epoch = passed + batches, epoch + 1

    def _trained(self, groups: Sequence[Group]) -> tuple[float, int, float]:
        """One step; the parts are summed in their order, whichever is done first."""
        ordered = sorted(groups, key=lambda group: -sum(map(len, group.passages)))
        # Each part has short and long ones, so that no thread waits long at the end.
        parts = [ordered[first :: self.chosen.threads] for first in range(self.chosen.threads)]
        total = 0.0
        pairs = 0
        gradients: list[Any] = []
        for loss, count, found in self.pool.map(self._part, parts):
            total, pairs = total + loss, pairs + count
            gradients = found if not gradients else [a.add_(b) for a, b in zip(gradients, found, strict=True)]
        for weight, gradient in zip(self.weights.values(), gradients, strict=True):
            weight.grad = gradient
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0))
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.step()
        self.optimizer.zero_grad()
        keep = min(AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.average[name].lerp_(weight, 1 - keep)
        return total, pairs, norm

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / WARM_UP)
        left = 1 - self.step / self.chosen.steps if self.chosen.decay else 1.0
        return float(self.chosen.rate * warm * left)

    def _part(self, groups: Sequence[Group]) -> tuple[float, int, Any]:
        """The share of some groups in the loss of a step, and its gradients."""
        logits = self._logits(self.model, groups)
        losses = []
        for found in logits:
            truth = torch.zeros_like(found)
            truth[0] = 1.0
            listwise = functional.cross_entropy(found[None], torch.zeros(1, dtype=torch.long))
            absolute = functional.binary_cross_entropy_with_logits(found, truth)
            losses.append(LISTWISE * listwise + ABSOLUTE * absolute)
        loss = torch.stack(losses).sum() / GROUPS
        return float(loss.detach()), sum(map(len, logits)), torch.autograd.grad(loss, list(self.weights.values()))

    def _logits(self, model: CrossEncoder, groups: Sequence[Group]) -> list[torch.Tensor]:
        """Of each group, in the order of its passages; pairs of like length share a batch."""
        pairs = [pair for number, group in enumerate(groups) for pair in self.reader.pairs(group, number)]
        pairs.sort(key=lambda pair: len(pair.ids))
        found: list[list[Any]] = [[None] * len(group.passages) for group in groups]
        with torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(pairs), PADDED):
                batch = pairs[start : start + PADDED]
                for pair, logit in zip(batch, model(*padded(batch)), strict=True):
                    found[pair.group][pair.place] = logit
        return [torch.stack(each) for each in found]

    # --- looking, keeping, going on -----------------------------------------------------------------------------------

    def _look(self) -> None:
        """How the averaged weights order the hardest candidates of some held-back questions, beside the fused order."""
        model = self._averaged()
        looked = self.examples.development(DEVELOPMENT, CANDIDATES)

        def one(group: Group) -> torch.Tensor:
            with torch.inference_mode():
                return self._logits(model, [group])[0]

        found = list(self.pool.map(one, (group for group, _ in looked)))
        values: dict[str, list[float]] = {}
        truth, scores = [], []
        for (group, fused), logits in zip(looked, found, strict=True):
            rank = int((logits[1:] >= logits[0]).sum())
            kind = group.source
            for name in ("all", kind):
                values.setdefault(f"mrr {name}", []).append(1 / (1 + rank))
                values.setdefault(f"fused {name}", []).append(1 / (1 + fused))
            truth += [1.0] + [0.0] * (len(logits) - 1)
            scores.append(logits)
        loss = functional.binary_cross_entropy_with_logits(torch.cat(scores), torch.tensor(truth))
        self._log(look={name: round(sum(each) / len(each), 4) for name, each in values.items()}, absolute=float(loss))

    def _averaged(self) -> CrossEncoder:
        model = CrossEncoder(self.chosen.layers)
        model.load_state_dict({**self.model.state_dict(), **self.average})
        return model.eval()

    def _keep(self) -> None:
        save_file(self._averaged().state_dict(), self.chosen.run / f"step-{self.step}.safetensors")

    def _save(self) -> None:
        state = {
            "step": self.step,
            "weights": {name: each.detach() for name, each in self.weights.items()},
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        unfinished = self.chosen.run / "last.part"
        torch.save(state, unfinished)
        unfinished.replace(self.chosen.run / "last.pt")
        self.saved = time.monotonic()

    def _resume(self) -> None:
        path = self.chosen.run / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(state["weights"][name])
        print(f"goes on at step {self.step}", flush=True)

    def _log(self, **values: object) -> None:
        line = {"step": self.step, "at": time.strftime("%H:%M:%S"), **values}
        line = {name: round(value, 4) if isinstance(value, float) else value for name, value in line.items()}
        with (self.chosen.run / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if "look" in values or self.step % 10 == 0:
            print(json.dumps(line), flush=True)


def padded(pairs: Sequence[Pair]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, token types and lengths as the model takes them."""
    longest = -(-max(len(pair.ids) for pair in pairs) // STRIDE) * STRIDE
    ids = torch.zeros((len(pairs), longest), dtype=torch.long)
    sides = torch.zeros_like(ids)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair.ids)] = torch.tensor(pair.ids)
        sides[row, pair.side : len(pair.ids)] = 1
    return ids, sides, torch.tensor([len(pair.ids) for pair in pairs])


if __name__ == "__main__":
    main()
