"""Opening models of the hub: nobody is asked for what is here, and nobody waits for a hub that cannot be reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import ConfigError
from ragqa.models.hub import open_model, snapshot


class Hub:
    """A class of models that are not on this machine, and a hub that is there or not; in `asked` what was tried."""

    def __init__(self, *, reachable: bool) -> None:
        self.reachable = reachable
        self.asked: list[str] = []

    def head(self, url: str, *, timeout: float) -> None:
        self.asked.append("hub")
        if not self.reachable:
            raise TimeoutError("no answer")

    def model(self, place: str, *, trust_remote_code: bool, local_files_only: bool = False) -> str:
        assert not trust_remote_code
        self.asked.append("disk" if local_files_only else "fetch")
        if local_files_only:
            raise OSError("not here")
        return place

    def open(self) -> Any:
        return open_model(self.model, "some/model", setting="the.setting", on_download=self.asked.append)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")


def hub(monkeypatch: pytest.MonkeyPatch, *, reachable: bool) -> Hub:
    made = Hub(reachable=reachable)
    monkeypatch.setattr("huggingface_hub.utils.get_session", lambda: made)
    return made


def test_a_model_is_fetched_once_the_user_was_told(monkeypatch: pytest.MonkeyPatch, online: None) -> None:
    made = hub(monkeypatch, reachable=True)
    assert made.open() == "some/model"
    assert made.asked == ["disk", "hub", "some/model", "fetch"]


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch: pytest.MonkeyPatch, online: None) -> None:
    made = hub(monkeypatch, reachable=False)
    with pytest.raises(ConfigError, match=r"some/model.*cannot be reached: no answer") as caught:
        made.open()
    assert made.asked == ["disk", "hub"]
    assert "the.setting" in caught.value.remedy


def test_where_the_network_is_forbidden_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hub(monkeypatch, reachable=True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE"):
        made.open()
    assert made.asked == ["disk"]


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "SENTENCE_TRANSFORMERS_HOME", "XDG_CACHE_HOME"])
def test_a_kept_model_is_found_where_the_libraries_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    below = {"HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}.get(variable, "")
    assert snapshot("bare") is None
    for name in ("some--model", "sentence-transformers--bare"):
        kept = tmp_path / below / f"models--{name}"
        (kept / "refs").mkdir(parents=True)
        (kept / "refs" / "main").write_text("0123")
        assert snapshot(name.rpartition("--")[2] if "bare" in name else "some/model") is None
        (kept / "snapshots" / "0123").mkdir(parents=True)
    assert snapshot("some/model") == tmp_path / below / "models--some--model" / "snapshots" / "0123"
    assert snapshot("bare") == tmp_path / below / "models--sentence-transformers--bare" / "snapshots" / "0123"
