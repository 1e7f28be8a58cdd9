"""Settings: every source in its order, every mistake named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ragqa import config
from ragqa.config import Config, load, settings
from ragqa.errors import ConfigError

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


def write(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_example_holds_every_setting_at_its_default() -> None:
    given = {f"{t}.{n}": v for t, part in tomllib.loads(EXAMPLE.read_text("utf-8")).items() for n, v in part.items()}
    assert list(given) == list(settings(Config()))
    assert load(EXAMPLE, environment={}) == Config()


def test_example_comments_every_setting() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    tables = [index for index, line in enumerate(lines) if line.startswith("[")]
    for index in tables:
        assert lines[index + 1].startswith("#"), f"{lines[index]} starts without a comment"


def test_every_number_has_a_range() -> None:
    numbers = {name for name, value in settings(Config()).items() if type(value) in (int, float)}
    assert numbers | {"answer.refuse_below"} == set(config._RANGES)


def test_a_number_may_be_left_to_ragqa(tmp_path: Path) -> None:
    assert load(environment={}).answer.refuse_below == "auto"
    assert load(environment={"RAGQA_ANSWER_REFUSE_BELOW": "0"}).answer.refuse_below == 0.0
    file = write(tmp_path, "[answer]\nrefuse_below = 0.4\n")
    assert load(file, environment={}).answer.refuse_below == 0.4
    assert load(file, environment={"RAGQA_ANSWER_REFUSE_BELOW": "auto"}).answer.refuse_below == "auto"


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, "[retrieval]\ntop_k = 1\ncandidates = 11\nbm25_k1 = 2\n")
    environment = {"RAGQA_RETRIEVAL_TOP_K": "2", "RAGQA_RETRIEVAL_CANDIDATES": "12"}
    merged = load(file, environment=environment, flags={"retrieval.top_k": 3, "answer.model": None}).retrieval
    assert (merged.top_k, merged.candidates, merged.bm25_k1, merged.bm25_b) == (3, 12, 2.0, 0.75)


def test_config_file_is_found_in_the_users_folder(tmp_path: Path) -> None:
    (tmp_path / "ragqa").mkdir()
    write(tmp_path / "ragqa", "[answer]\nsentences = 2\n")
    assert load(environment={"XDG_CONFIG_HOME": str(tmp_path)}).answer.sentences == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[retrieval]\ntop_kk = 1\n", "no setting `retrieval.top_kk`"),
        ("[retrieval]\ntop_k = 0\n", "between 1 and 1000"),
        ("[retrieval]\ntop_k = 1.5\n", "must be a number"),
        ("[retrieval]\ntop_k = true\n", "must be a number"),
        ("[retrieval]\ntop_k = inf\n", "must be a number"),
        ("[retrieval]\nbm25_b = nan\n", "must be a number"),
        ('[retrieval]\nfusion = "best"\n', "one of convex, rrf"),
        ("[answer]\nrefuse_below = 2\n", "between 0 and 1"),
        ('[answer]\nrefuse_below = "often"\n', "must be a number or auto, not 'often'"),
        ("[ingest]\nhidden = 3\n", "must be a bool"),
        ("[ingest]\ninclude = [1]\n", "must be a list of strings"),
        ("top_k = 1\n", "inside a table"),
        ("[retrieval\n", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load(file, environment={})
    assert str(file) in caught.value.message


def test_a_misspelt_setting_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment={}, flags={"retrieval.topk": 1})
    assert "retrieval.top_k" in caught.value.remedy


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "none.toml", environment={})


def test_lists_come_from_the_environment_separated_like_a_path() -> None:
    assert load(environment={"RAGQA_INGEST_EXCLUDE": "*.log:tmp/"}).ingest.exclude == ("*.log", "tmp/")


def test_a_misspelt_variable_is_an_error_and_other_ones_are_not() -> None:
    with pytest.raises(ConfigError, match=r"retrieval\.topk") as caught:
        load(environment={"RAGQA_RETRIEVAL_TOPK": "3"})
    assert "retrieval.top_k" in caught.value.remedy
    others = {"RAGQA_INDEX": "x", "RAGQA_CACHE_DIR": "y", "RAGQA_SHARED": "z"}
    assert load(environment=others) == Config()
