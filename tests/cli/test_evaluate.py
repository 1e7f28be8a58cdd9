"""`ragqa eval` as its user meets it, over the index of the sample documents and a small BEIR folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ragqa.cli.evaluation_schemas import SCHEMAS
from ragqa.cli.main import run
from ragqa.errors import StorageError
from tests.cli.conftest import Done
from tests.services.server import Service, gemini_answer, gemini_error

QUESTIONS = Path(__file__).parents[2] / "sample_docs" / "questions.jsonl"
LEAVE = "How many days of holiday does a full-time employee in Leeds get each year?"


@pytest.fixture
def ragqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process, which a library is imported into once and not for each run."""

    def command(*arguments: object, env: Mapping[str, str] | None = None) -> Done:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = run([str(argument) for argument in arguments])
        return Done(code, *capfd.readouterr())

    return command


def valid(name: str, value: object) -> None:
    Draft202012Validator(SCHEMAS[name]).validate(value)


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def beir(folder: Path) -> Path:
    folder.mkdir()
    passages = [
        ("Leave", "Every employee in Leeds has 27 days of annual leave."),
        ("食堂", "食堂每天中午開放，湯的價格是五十元。"),
    ]
    texts = [*passages, *((f"Hut {number}", f"The roof of hut {number} is green.") for number in range(8))]
    write(folder / "corpus.jsonl", *({"_id": f"p{n}", "title": t, "text": x} for n, (t, x) in enumerate(texts)))
    queries = [("q0", "How many days of annual leave in Leeds?", True), ("q1", "湯的價格是多少？", True)]
    queries += [("q2", "Who won the world cup?", False)]
    write(folder / "queries.jsonl", *({"_id": i, "text": text, "answerable": there} for i, text, there in queries))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq0\tp0\t1\nq1\tp1\t1\n")
    return folder


# --- a file of questions over the index -------------------------------------------------------------------------------


def test_the_sample_questions_are_measured(ragqa, sample_index: Path, tmp_path: Path) -> None:
    done = ragqa("eval", QUESTIONS, "--index", sample_index, "--json", "--explain", "--save", "run.json")
    assert done.returncode == 0, done.stderr
    valid("eval", done.json)
    saved = json.loads((tmp_path / "run.json").read_text("utf-8"))
    valid("eval-run", saved)
    assert done.json["questions"]["asked"] == len(saved["results"]) == len(QUESTIONS.read_text("utf-8").splitlines())
    assert set(done.json["metrics"]) == {"all", "en", "zh-Hans", "zh-Hant"}
    means = {name: mean["value"] for name, mean in done.json["metrics"]["all"].items()}
    assert means["mrr@10"] > 0.9 and means["recall@10"] > 0.97
    assert means["recall@1"] <= means["recall@5"] <= means["recall@10"] <= means["recall@50"]
    assert means["answer_containment"] > 0.85 and means["citation_precision"] > 0.9 and means["verified_rate"] == 1
    assert means["refusal_recall"] > 0.4 and means["wrong_refusal_rate"] < 0.1
    assert len(done.json["explain"]) == sum(done.json["lost"].values()) > 0
    assert all(spent["p50_ms"] <= spent["p95_ms"] for spent in done.json["latency_ms"].values())
    for row in saved["results"]:
        if row["lost"] is None and row["answerable"]:
            assert row["ranks"]["hits"] and row["status"] == "answered"


def test_text_markdown_and_lines_tell_the_same(ragqa, sample_index: Path) -> None:
    command = ("eval", QUESTIONS, "--index", sample_index, "--no-answers", "--limit", "9")
    text, markdown = ragqa(*command).stdout, ragqa(*command, "--format", "md").stdout
    lines = [json.loads(line) for line in ragqa(*command, "--format", "jsonl").stdout.splitlines()]
    for line in lines:
        valid("eval-event", line)
    assert [line["event"] for line in lines] == ["question"] * 9 + ["result"]
    shown = f"{lines[-1]['metrics']['all']['mrr@10']['value']:.3f}"
    assert f" {shown} " in next(line + " " for line in text.splitlines() if line.startswith("mrr@10"))
    assert f"| mrr@10 | {shown} |" in markdown
    assert "token_f1" not in text and "generation" not in text
    assert "\x1b" not in text


def test_a_run_is_compared_with_an_earlier_one(ragqa, sample_index: Path, tmp_path: Path) -> None:
    command = ("eval", QUESTIONS, "--index", sample_index, "--json")
    ragqa(*command, "--limit", "20", "--save", "run.json")
    same = ragqa(*command, "--limit", "20", "--compare", "run.json").json["comparison"]
    assert same["shared"] == 20 and same["differences"] and not same["settings"]
    assert not any(each["real"] or each["difference"] for each in same["differences"])
    worse = ragqa(*command, "--limit", "30", "--compare", "run.json", env={"RAGQA_ANSWER_REFUSE_BELOW": "1"})
    valid("eval", worse.json)
    found = worse.json["comparison"]
    assert (found["shared"], found["only_after"]) == (20, 10)
    assert found["settings"] == {"answer.refuse_below": ["auto", 1.0]}
    real = {each["metric"]: each["difference"] for each in found["differences"] if each["real"]}
    assert real["answer_containment"] < 0 and real["wrong_refusal_rate"] > 0 and "mrr@10" not in real
    text = ragqa("eval", QUESTIONS, "--index", sample_index, "--limit", "30", "--compare", "run.json").stdout
    assert "compared with run.json on 20 shared questions" in text
    assert "the questions differ; left out: 10 only asked now" in text


def test_a_filter_is_told_and_compared_in_words(ragqa, sample_index: Path, tmp_path: Path) -> None:
    command = ("eval", QUESTIONS, "--index", sample_index, "--no-answers")
    ragqa(*command, "--save", "run.json")
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["filter"] is None
    filtered = ("--in", "*.pdf", "--lang", "zh")
    done = ragqa(*command, *filtered, "--json", "--compare", "run.json", "--save", "zh.json")
    valid("eval", done.json)
    asked = done.json["questions"]
    assert asked["left_out"] > 0 and asked["unanswerable"] > 0
    assert asked["asked"] + asked["left_out"] == len(QUESTIONS.read_text("utf-8").splitlines())
    said = f"{asked['left_out']} questions are left out: what they ask for stands in documents outside the filter"
    assert done.json["notes"] == [said] and said in done.stderr
    saved = json.loads((tmp_path / "zh.json").read_text("utf-8"))
    assert saved["filter"] == done.json["filter"]
    assert saved["filter"]["in"] == ["*.pdf"] and saved["filter"]["lang"] == ["zh-Hans", "zh-Hant"]
    comparison = done.json["comparison"]
    assert comparison["filter"] == {"in": [[], ["*.pdf"]], "lang": [[], ["zh-Hans", "zh-Hant"]]}
    assert comparison["models"] == {}
    text = ragqa(*command[:-1], "--extractive", *filtered, "--compare", "run.json").stdout
    assert f"{asked['left_out']} left out by the filter" in text
    assert "filter --in: none then, *.pdf now" in text
    assert "filter --lang: none then, zh-Hans, zh-Hant now" in text
    assert "answer model: none then, extractive now" in text
    assert "--in" not in ragqa(*command, *filtered, "--compare", "zh.json").stdout


def test_a_bound_that_is_not_kept_is_1_and_one_line(ragqa, sample_index: Path) -> None:
    command = ("eval", QUESTIONS, "--index", sample_index, "--no-answers", "--limit", "8", "--quiet")
    kept = ragqa(*command, "--fail-under", "recall@50=0.5", "--fail-under", "retrieval_p95_ms=100000")
    assert (kept.returncode, kept.stderr) == (0, "")
    broken = ragqa(*command, "--json", "--fail-under", "recall@50=.5", "--fail-under", "retrieval_p50_ms=0")
    assert broken.returncode == 1
    assert broken.stderr.startswith("ragqa: retrieval_p50_ms is ") and broken.stderr.endswith(", above 0\n")
    assert broken.json["failed_under"] == [broken.stderr.strip().removeprefix("ragqa: ")]


def test_the_index_is_as_it_was(ragqa, sample_index: Path) -> None:
    before = {path.name: path.read_bytes() for path in sample_index.iterdir() if path.name == "index.db"}
    ragqa("eval", QUESTIONS, "--index", sample_index, "--limit", "3")
    assert before == {path.name: path.read_bytes() for path in sample_index.iterdir() if path.name == "index.db"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which questions?"),
        (("missing.jsonl",), "cannot read missing.jsonl"),
        ((".",), "has no"),
        ((QUESTIONS, "--fail-under", "mmr@10=1"), "did you mean `mrr@10`?"),
        ((QUESTIONS, "--fail-under", "retreival_p95_ms=40"), "did you mean `retrieval_p95_ms`?"),
        ((QUESTIONS, "--fail-under", "rerank_p95_ms=40"), "no reranker is set"),
        ((QUESTIONS, "--no-answers", "--fail-under", "total_p95_ms=1"), "not measured with --no-answers"),
        ((QUESTIONS, "--fail-under", "mrr@10:fr=1"), "no question is in the language 'fr'"),
        ((QUESTIONS, "--no-answers", "--fail-under", "token_f1=1"), "not measured with --no-answers"),
        ((QUESTIONS, "--compare", "missing.json"), "cannot read the run missing.json"),
        ((QUESTIONS, "--compare", QUESTIONS), "is no run"),
        ((QUESTIONS, "--save", "nowhere/run.json"), "there is no folder"),
        ((QUESTIONS, "--keep", "there"), "--keep is for a BEIR folder"),
        ((QUESTIONS, "--make", "3"), "--make asks no questions"),
        (("--make", "3", "--explain"), "--make asks no questions: --explain"),
        (("--make", "3", "--no-answers"), "--make asks no questions: --no-answers"),
        (("--make", "3", "--top-k", "4"), "--make asks no questions: --top-k"),
        (("--make", "3", "--rerank", "gemini:m"), "--make asks no questions: --rerank"),
        (("--make", "3", "--no-rerank"), "--make asks no questions: --no-rerank"),
        ((QUESTIONS, "--output", "x.jsonl"), "--output and --seed are for --make"),
        ((QUESTIONS, "--limit", "0"), "--limit"),
        (("--make", "3", "--calibrate"), "--make asks no questions: --calibrate"),
        ((QUESTIONS, "--calibrate", "--save", "run.json"), "--calibrate measures evidence alone: --save"),
        ((QUESTIONS, "--calibrate", "--in", "*.pdf"), "--calibrate is for the whole index"),
        ((".", "--calibrate"), "name a JSONL file"),
        ((QUESTIONS, "--dry-run"), "are for --calibrate"),
        ((QUESTIONS, "--wrongly-refused", ".1"), "are for --calibrate"),
        ((QUESTIONS, "--calibrate", "--wrongly-refused", ".6"), "--wrongly-refused"),
    ],
)
def test_what_cannot_be_meant_is_2_and_one_line(ragqa, arguments: tuple[object, ...], said: str) -> None:
    done = ragqa("eval", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"schema_version": 1, "results": [], "settings": {"x": ' + "9" * 5000 + "}}",
        '{"schema_version": 1, "settings": {}, "models": {}, "results": [{"id": "a", "fingerprint": "b", "language": '
        '"en", "values": []}]}',
        '{"schema_version": 1, "settings": [], "models": {}, "results": []}',
        '{"schema_version": 1, "settings": {}, "models": {}, "results": {}}',
        '{"schema_version": 1, "settings": {}, "models": 3, "results": []}',
        '{"schema_version": 1, "settings": {}, "models": {}, "filter": "x", "results": []}',
        '{"schema_version": 1, "settings": {}, "models": {}, "results": [{"id": "a", "fingerprint": "b", "language": '
        '"en", "values": {"mrr@10": ' + "9" * 400 + "}}]}",
        '{"schema_version": 1, "settings": {}, "models": {}, "results": [{"id": "a", "fingerprint": "b", "language": '
        '"en", "values": {"mrr@10": NaN}}]}',
        "{",
        "[" * 100_000,
        "[3]",
        "3",
    ],
)
def test_a_file_that_is_no_run_is_2_and_one_line(ragqa, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    done = ragqa("eval", QUESTIONS, "--compare", "run.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "run.json is no run" in done.stderr


def test_a_run_that_shares_no_question_is_said_before_anything_is_asked(
    ragqa, sample_index: Path, tmp_path: Path
) -> None:
    command = ("eval", "--index", sample_index, "--no-answers")
    ragqa(*command, QUESTIONS, "--limit", "2", "--save", "run.json")
    path = write(tmp_path / "q.jsonl", {"question": LEAVE, "answers": ["27 days"]})
    nowhere = tmp_path / "nowhere"
    done = ragqa("eval", path, "--index", nowhere, "--compare", "run.json", "--save", "new.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no question of" in done.stderr and "is the same in run.json" in done.stderr


def test_a_run_is_saved_whatever_is_found_out_about_it_later(
    ragqa, sample_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragqa.evaluation import comparison

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    command = ("eval", QUESTIONS, "--index", sample_index, "--no-answers", "--limit", "2")
    ragqa(*command, "--save", "run.json")
    monkeypatch.setattr(comparison, "compare", full)
    assert ragqa(*command, "--compare", "run.json", "--save", "new.json").returncode == 1
    valid("eval-run", json.loads((tmp_path / "new.json").read_text("utf-8")))


def test_a_stage_that_no_question_went_through_does_not_keep_its_bound(ragqa, sample_index: Path) -> None:
    command = ("eval", QUESTIONS, "--index", sample_index, "--no-answers", "--limit", "2", "--quiet")
    done = ragqa(*command, "--fail-under", "coverage_p95_ms=40", env={"RAGQA_RETRIEVAL_COVERAGE_WEIGHT": "0"})
    assert done.returncode == 1
    assert done.stderr == "ragqa: coverage_p95_ms was not measured: no question tells it; the bound is 40\n"


# --- calibration ------------------------------------------------------------------------------------------------------


def test_a_calibrated_threshold_is_stored_shown_and_obeyed(ragqa, sample_index: Path, tmp_path: Path) -> None:
    index = tmp_path / ".ragqa"
    shutil.copytree(sample_index, index)
    command = ("eval", QUESTIONS, "--calibrate", "--json", "--wrongly-refused", "0.5")
    dry = ragqa(*command, "--dry-run").json
    assert not dry["stored"] and ragqa("status", "--json").json["calibration"] is None
    found = ragqa(*command).json
    valid("eval-calibration", found)
    assert found == {**dry, "stored": True}
    assert found["before"]["refuse_below"] == 0.5
    after = found["after"]["refuse_below"]
    assert after > 0.5 and found["after"]["unanswerable"]["refused"] > found["before"]["unanswerable"]["refused"]
    asked = found["after"]["answerable"]["of"], found["after"]["unanswerable"]["of"]
    state = ragqa("status", "--json").json
    assert state["calibration"] == {"refuse_below": after, "answerable": asked[0], "unanswerable": asked[1]}
    assert f"below an evidence of {after:.3f}, fitted on {asked[0]} + {asked[1]} questions" in ragqa("status").stdout

    # What `eval` measures, and what `ask` does, is what was promised.
    metrics = ragqa("eval", QUESTIONS, "--json", "--extractive").json["metrics"]["all"]
    assert metrics["refusal_recall"]["value"] == pytest.approx(found["after"]["unanswerable"]["share"], abs=1e-6)
    assert metrics["wrong_refusal_rate"]["value"] == pytest.approx(found["after"]["answerable"]["share"], abs=1e-6)
    set_by_hand = ragqa("eval", QUESTIONS, "--json", "--extractive", env={"RAGQA_ANSWER_REFUSE_BELOW": "0.5"})
    rightly = set_by_hand.json["metrics"]["all"]["refusal_recall"]["value"]
    assert rightly == pytest.approx(found["before"]["unanswerable"]["share"], abs=1e-6)
    again = ragqa(*command[:3], "--dry-run", env={"RAGQA_ANSWER_REFUSE_BELOW": "0.5"})
    assert "dry run" in again.stdout and "before" in again.stdout


def test_few_questions_are_warned_of_and_a_set_threshold_is_named(ragqa, sample_index: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_index, tmp_path / ".ragqa")
    absent = {"question": "Who won the football cup?", "answerable": False}
    path = write(tmp_path / "q.jsonl", {"question": LEAVE, "answers": ["27 days"]}, absent)
    done = ragqa("eval", path, "--calibrate", env={"RAGQA_ANSWER_REFUSE_BELOW": "0.4"})
    assert done.returncode == 0
    assert "1 question with an answer: fewer than 20" in done.stderr
    assert "1 question without an answer: fewer than 20" in done.stderr
    assert "answer.refuse_below = 0.4 is set and goes before it" in done.stderr
    alone = ragqa("eval", write(tmp_path / "one.jsonl", absent), "--calibrate")
    assert alone.returncode == 2 and "no answerable question among them" in alone.stderr
    assert ragqa("eval", path, "--calibrate", "--format", "md", "--quiet").stdout.count("| refuse below |") == 1


def test_without_an_index_it_is_4(ragqa) -> None:
    done = ragqa("eval", QUESTIONS, "--json")
    assert done.returncode == 4
    valid("eval-event", done.json)


def test_a_model_service_answers(ragqa, sample_index: Path, tmp_path: Path, service: Service) -> None:
    answer = "A full-time employee in Leeds gets 27 days of annual leave a year [1]."
    service.script(gemini_answer(answer))
    path = write(
        tmp_path / "q.jsonl",
        {"question": LEAVE, "answers": ["27 days"], "document": "employee-handbook-leeds.pdf", "page": 4},
    )
    done = ragqa("eval", path, "--index", sample_index, "--json", "--explain", env=service.gemini_environment())
    assert (done.returncode, done.json["explain"]) == (0, []), done.stderr
    assert done.json["models"]["answer"].startswith("gemini:")
    assert done.json["metrics"]["en"]["answer_containment"]["value"] == 1
    assert "is asked up to 1 questions" in done.stderr


# --- a BEIR folder ----------------------------------------------------------------------------------------------------


def test_a_beir_folder_gets_an_index_that_is_gone_afterwards(
    ragqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    done = ragqa("eval", beir(tmp_path / "set"), "--json")
    assert done.returncode == 0, done.stderr
    valid("eval", done.json)
    assert done.json["metrics"]["all"]["mrr@10"] == {"value": 1.0, "questions": 2}
    assert set(done.json["metrics"]) == {"all", "en", "zh-Hant"}
    assert done.json["metrics"]["all"]["citation_precision"]["questions"] == 2
    assert done.json["index"]["documents"] == 10
    assert not list(temporary.iterdir())
    assert not (tmp_path / ".ragqa").exists()


@pytest.mark.parametrize("option", ["--keep", "--index"])
def test_a_kept_index_is_asked_again(ragqa, tmp_path: Path, option: str) -> None:
    folder = beir(tmp_path / "set")
    command = ("eval", folder, "--no-answers", "--json", option)
    first = ragqa(*command, "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"passages", ".ragqa"}
    again = ragqa(*command, "kept/.ragqa")
    assert again.json["metrics"] == first.json["metrics"]
    assert again.json["index"] == first.json["index"], "nothing was written again"


def test_a_kept_index_that_is_made_anew_says_so(ragqa, tmp_path: Path) -> None:
    command = ("eval", beir(tmp_path / "set"), "--no-answers", "--keep", "kept")
    assert "anew" not in ragqa(*command).stderr
    assert "anew" not in ragqa(*command).stderr
    done = ragqa(*command, env={"RAGQA_CHUNK_TOKENS": "64"})
    assert (done.returncode, done.stderr) == (0, "the kept index was made otherwise: 10 passages are made anew\n")


def test_an_index_of_documents_is_never_filled_with_passages(ragqa, sample_index: Path, tmp_path: Path) -> None:
    before = (sample_index / "index.db").read_bytes()
    done = ragqa("eval", beir(tmp_path / "set"), "--index", sample_index)
    assert done.returncode == 2
    assert "holds other documents" in done.stderr
    unharmed = ragqa("eval", tmp_path / "set", "--no-answers", env={"RAGQA_INDEX": str(sample_index)})
    assert unharmed.returncode == 0, "the user's own index is not meant"
    assert (sample_index / "index.db").read_bytes() == before


# --- drafts -----------------------------------------------------------------------------------------------------------


def test_drafts_are_read_back(ragqa, sample_index: Path, tmp_path: Path) -> None:
    done = ragqa("eval", "--make", "12", "--index", sample_index, "--output", "drafts.jsonl")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "12 drafts in drafts.jsonl" in done.stderr and "by hand" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "drafts.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        valid("eval-draft", row)
        assert row["answers"][0] in row["evidence"]
    assert {row["language"] for row in rows} == {"en", "zh-Hans", "zh-Hant"}
    assert len({row["document"] for row in rows}) >= 9
    asked = ragqa("eval", "drafts.jsonl", "--index", sample_index, "--no-answers", "--json")
    assert asked.json["questions"]["asked"] == 12
    assert asked.json["metrics"]["all"]["recall@10"]["value"] > 0.9


def test_drafts_go_to_stdout_the_same_for_a_seed(ragqa, sample_index: Path) -> None:
    command = ("eval", "--make", "6", "--index", sample_index, "--quiet")
    first = ragqa(*command)
    assert len(first.stdout.splitlines()) == 6 and first.stderr == ""
    assert ragqa(*command).stdout == first.stdout
    assert ragqa(*command, "--seed", "2").stdout != first.stdout
    as_json = ragqa(*command, "--json").json
    valid("eval-drafts", as_json)
    assert as_json["drafts"] == [json.loads(line) for line in first.stdout.splitlines()]


def test_drafts_are_of_documents_that_the_filter_lets_through(ragqa, sample_index: Path) -> None:
    command = ("eval", "--make", "20", "--index", sample_index, "--json")
    drafts = ragqa(*command, "--in", "*.pdf", "--lang", "zh").json["drafts"]
    assert drafts and all(draft["document"].endswith(".pdf") and draft["language"] != "en" for draft in drafts)
    nothing = ragqa(*command, "--in", "**/no-such*")
    assert (nothing.returncode, nothing.json["error"]["message"]) == (3, "no document matches the filter")


def test_drafts_are_never_written_over_a_file(ragqa, sample_index: Path, tmp_path: Path) -> None:
    (tmp_path / "reviewed.jsonl").write_text("mine")
    done = ragqa("eval", "--make", "6", "--index", sample_index, "--output", "reviewed.jsonl")
    assert (done.returncode, (tmp_path / "reviewed.jsonl").read_text()) == (2, "mine")


def test_a_model_drafts_and_code_checks(ragqa, tmp_path: Path, service: Service) -> None:
    (tmp_path / "docs").mkdir()
    for name, price in (("lunch", "£3.40"), ("supper", "£7.10")):
        (tmp_path / "docs" / f"{name}.md").write_text(
            f"# {name}\n\nFor {name} the canteen takes {price} a head, soup and bread and water included.\n"
        )
    ragqa("ingest", "docs")
    replies = ({"question": "What does a meal cost?", "answer": answer} for answer in ("£3.40", "£9.99"))
    service.script(*(gemini_answer(f"```json\n{json.dumps(reply)}\n```") for reply in replies))
    done = ragqa("eval", "--make", "2", "--json", env=service.gemini_environment())
    drafts = done.json["drafts"]
    assert len(drafts) <= 1 and all(draft["answers"] == ["£3.40"] for draft in drafts)
    assert all(draft["by"].startswith("gemini:") for draft in drafts)
    assert len(service.requests) == 2


def test_a_model_that_cannot_be_asked_is_5(ragqa, sample_index: Path, service: Service) -> None:
    service.script(*[gemini_error(400, "no such model")] * 2)  # once more without a schema
    done = ragqa("eval", "--make", "2", "--index", sample_index, env=service.gemini_environment())
    assert done.returncode == 5 and "no such model" in done.stderr


@pytest.mark.parametrize("options", [("--output", "drafts.jsonl"), ()])
def test_drafts_outlive_the_model_that_made_them(
    ragqa, tmp_path: Path, service: Service, options: tuple[str, ...]
) -> None:
    (tmp_path / "docs").mkdir()
    for number in range(6):
        (tmp_path / "docs" / f"{number}.md").write_text(
            f"# Lunch {number}\n\nThe canteen takes £3.40 a head, soup and bread and water included.\n"
        )
    ragqa("ingest", "docs")
    reply = json.dumps({"question": "What does a meal cost?", "answer": "£3.40"})
    service.script(gemini_answer(reply), *[gemini_error(400, "no quota")] * 4)
    done = ragqa("eval", "--make", "5", *options, env=service.gemini_environment())
    assert done.returncode == 5
    assert "1 of 5 wanted drafts" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ragqa: stopped before the rest: ")
    assert "no quota" in done.stderr
    written = (tmp_path / "drafts.jsonl").read_text("utf-8") if options else done.stdout
    assert json.loads(written)["answers"] == ["£3.40"]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schemas_are_published(ragqa, name: str) -> None:
    assert ragqa("schema", name).json == SCHEMAS[name]
