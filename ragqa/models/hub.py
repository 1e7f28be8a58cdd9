"""Opens models of the Hugging Face hub: from disk where they are there, quietly, and never with their own code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ragqa.errors import ConfigError

_UNUSABLE = (OSError, ValueError, ImportError, RuntimeError, KeyError)
"""What the libraries raise for a model that is missing, unreachable, unknown to them, or damaged."""

_REACH_S = 10.0

ORGANISATION = "sentence-transformers"


def open_model(
    make: Callable[..., Any],
    name: str,
    *,
    setting: str,
    organisation: str = ORGANISATION,
    on_download: Callable[[str], None] | None = None,
) -> Any:
    """`make(name)`: from disk without a single request where the model is there, else fetched, after `on_download`.

    `make` is a class of sentence-transformers, imported after `silence()`; `organisation` is whose models it takes bare
    names for. `setting` is what the user would change.
    """
    is_path = _is_path(name)
    place = str(Path(name).expanduser()) if is_path else name
    if is_path and not Path(place).is_dir():
        raise ConfigError(f"there is no model in {name}", remedy=f"{setting} names a folder or a model of the hub")

    def refusal(error: Exception, absent: str, remedy: str) -> ConfigError:
        """What is wrong with the model itself, where it is here; else that it is `absent`."""
        kept = snapshot(name, organisation=organisation)
        if kept is None:
            return ConfigError(f"the model {name} is {absent}", remedy=remedy)
        return ConfigError(
            f"the model {name} is on this machine, but cannot be used: {_first_line(error)}",
            remedy=f"name a model of the right kind in {setting}, or delete {kept.parents[1]} to have it fetched anew",
        )

    try:
        return make(place, trust_remote_code=False, local_files_only=True)
    except _UNUSABLE as error:
        if is_path:
            raise ConfigError(f"the model in {name} cannot be used: {_first_line(error)}") from error
        if is_offline(os.environ):
            absent = "not on this machine, and HF_HUB_OFFLINE forbids to fetch it"
            raise refusal(error, absent, f"unset HF_HUB_OFFLINE once, or set {setting} to a folder") from error
        try:
            _reach_hub()
        except ConnectionError as why:
            absent = f"not on this machine, and {why}"
            raise refusal(error, absent, f"check the network, or set {setting} to a folder") from why
    if on_download is not None:
        on_download(name)
    try:
        return make(place, trust_remote_code=False)
    except _UNUSABLE as error:
        absent = f"neither on this machine nor to be had: {_first_line(error)}"
        raise refusal(error, absent, f"check the name in {setting} and the network") from error


def _reach_hub() -> None:
    """ConnectionError, at once, where the hub cannot be reached: the libraries try each file for half a minute."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_REACH_S)
    except Exception as error:  # of the HTTP library, which is another one in other versions
        raise ConnectionError(f"{constants.ENDPOINT} cannot be reached: {_first_line(error)}") from error


def snapshot(name: str, *, organisation: str = ORGANISATION) -> Path | None:
    """The folder of a model that is on this machine, by the layout of the hub's cache; nothing is imported or asked.

    A bare name is one of `organisation`'s, as for the class of sentence-transformers that would load it.
    """
    if _is_path(name):
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    repository = name if "/" in name else f"{organisation}/{name}"
    kept = _cache() / f"models--{repository.replace('/', '--')}"
    try:
        revision = (kept / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = kept / "snapshots" / revision
    return folder if revision and folder.is_dir() else None


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or Path(name).is_dir()


def _cache() -> Path:
    """Where sentence-transformers keeps what it fetches: its own folder, else that of the hub's library."""
    for variable in ("SENTENCE_TRANSFORMERS_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := os.environ.get(variable):
            return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home or f"{base}/huggingface").expanduser() / "hub"


def is_offline(environment: Mapping[str, str]) -> bool:
    """Whether the user forbade the network, in the words that the hub's own library understands."""
    return environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def silence() -> None:
    """No progress bar and no advice of the libraries on stderr; what matters is said by whoever opens the model."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
