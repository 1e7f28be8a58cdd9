"""Sentence spans: exact, ordered, covering; and cut where a reader of English or Chinese would cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.text.sentences import spans


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


def assert_promises(text: str) -> None:
    found = spans(text)
    covered = set()
    previous = 0
    for start, end in found:
        assert previous <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        covered.update(range(start, end))
        previous = end
    assert all(position in covered for position, character in enumerate(text) if not character.isspace())


MARKS = '. ! ? 。 ！ ？ ； … " “ ” 「 」 ( ) ） [1] ， , ; : | # -'
WORDS = "1 2 3.14 § U.S. Dr. No. e.g. the The a A 中 文 的 word"
SPACES = ("\n", "\n\n", " ", "  ", "\t", " | ", "1. ", "- ", "……", "\u3000", "\u2028", "x" * 50, "漢" * 30)
PIECES = st.sampled_from([*MARKS.split(), *WORDS.split(), *SPACES])


@given(st.text(max_size=300))
def test_spans_cover_any_text(text: str) -> None:
    assert_promises(text)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_spans_cover_text_full_of_punctuation(text: str) -> None:
    assert_promises(text)


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith paid $3.14 to Mr. J. Q. Public, e.g. in cash.", "He left."],
        ["See Art. 5, Sec. 2 and No. 7 of the U.S. Code.", "The rest is vs. the other etc. and so on."],
        ["He works for Acme Inc. in New York.", "It pays."],
        ["The tenant moved to the U.S.", "The landlord stayed."],
        ["We took plan B.", "The next one failed."],
        ["Version 1.2.3 is out.", "Get it at example.com/a?b=c today!", "Now?", "Yes."],
        ["As § 4.2 says.", "See § 4.2.", "The tenant may go."],
        ['"Go away."', "She left (really.)", "Then it was over."],
        ["“What?” he asked.", "He said “no.”", "“Why?” asked Tom."],
        ["Wait...", "What is it?!", "It was ... nothing."],
        ["Water boils at 100 degrees.[12]", "Ice melts."],
        ["The answer is no.", "We stay."],
        ["It was signed on Jan. 5 by Prof. Lee et al. 2010 being the year.", "Done."],
    ],
)
def test_english(sentences: list[str]) -> None:
    assert cut(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["劳动者可以解除合同。", "用人单位不得拒绝！", "为什么？", "因为法律规定；", "请看第3.2条。"],
        ["他说：“你好！”", "然后走了。"],
        ["「不行。」", "他說。", "『真的嗎？』", "沒有人回答。"],
        ["甲方（以下简称公司。）", "乙方同意。"],
        ['他问："好吗？"', '她答："好。"'],
        ["真的……", "也许吧。"],
        ["他說「好。」的時候笑了。"],
        ["他說：「好。」。", "完了。。", "走了！！。"],
        ["玛达（St. John of Matha）及St. Felix的雕像。", "他在Acme Inc. Ltd上班。"],
        ["圆周率是3.14。", "Python 3.11很快。", "OK."],
        ["有下列情形之一的：（一）在试用期间不符合条件的；", "（二）严重违反规章制度的。"],
    ],
)
def test_chinese(sentences: list[str]) -> None:
    assert cut("".join(sentences)) == sentences


def test_a_label_belongs_to_its_sentence() -> None:
    assert cut("1. First point. Second point.") == ["1. First point.", "Second point."]
    assert cut("§ 4.2. Notice is given in writing. It is free.") == [
        "§ 4.2. Notice is given in writing.",
        "It is free.",
    ]
    assert cut("Article 5. The employer pays.") == ["Article 5. The employer pays."]
    assert cut("a. The tenant pays.\nb. The landlord repairs.") == ["a. The tenant pays.", "b. The landlord repairs."]


def test_a_wrapped_line_does_not_end_a_sentence() -> None:
    wrapped = (
        "This paragraph was wrapped by somebody who likes lines of about\n"
        "seventy columns, so that its sentences run over the breaks and\n"
        "go on. It has two of them.\n\nA new paragraph"
    )
    assert [sentence.replace("\n", " ") for sentence in cut(wrapped)] == [
        "This paragraph was wrapped by somebody who likes lines of about seventy columns, "
        "so that its sentences run over the breaks and go on.",
        "It has two of them.",
        "A new paragraph",
    ]
    chinese = "第一条\u3000为了完善劳动合同制度，明确劳动合同双方当事人的权利和义务，保护劳动者的\n合法权益，制定本法。"
    assert cut(chinese) == [chinese]


def test_a_line_that_stands_for_itself_is_a_sentence() -> None:
    assert cut("Annual leave\nTwenty days a year") == ["Annual leave", "Twenty days a year"]
    assert cut("年假\n每年二十天") == ["年假", "每年二十天"]
    heading = "Notice\nEither party may end this agreement by giving ninety days of notice to the other."
    assert cut(heading) == heading.split("\n")
    items = (
        "- an item that is long enough to be taken for a wrapped line of prose\n- and another one just like the first"
    )
    assert cut(items) == items.split("\n")


def test_an_entry_of_a_log_is_a_sentence() -> None:
    says = "worker[557]: the payment gateway refused card 4711 after thirty seconds"
    for time_of_day in ("2026-11-14T17:14:00Z INFO", "[2026-11-14 17:14:00,123]", "Nov 14 17:14:00 host", "17:14:00"):
        log = f"{time_of_day} {says}\n{time_of_day} {says}\n{time_of_day} {says}"
        assert cut(log) == log.split("\n")
    access = '127.0.0.1 - - [14/Nov/2026:17:14:00 +0000] "GET /prices HTTP/1.1" 200 1532 "-" "curl"'
    assert cut(f"{access}\n{access}") == [access, access]
    dated = "The pack was replaced for the second time on the day of the storm, which was\n2026-11-14, and again later."
    assert cut(dated) == [dated]


def test_an_option_in_the_help_of_a_program_is_a_sentence() -> None:
    options = (
        "  -d, --diff, --compare      find differences between archive and file system\n"
        "  -r, --append               append files to the end of an archive\n"
        "      --test-label           test the archive volume label and exit\n"
        "  --exclude=PATTERN          leave out the files that match PATTERN"
    )
    assert cut(options) == [line.strip() for line in options.split("\n")]
    prose = "This fails where the file is there already and the program was not given\n--force as its first option."
    assert cut(prose) == [prose]


def test_a_table_row_is_one_sentence() -> None:
    rows = "Name: Dr. Lee | Note: Works. Rests.\nName: Ms. Wu | Note: 休假。上班。"
    assert cut(rows) == rows.split("\n")


def test_a_long_row_of_prose_is_cut() -> None:
    row = "Rule: " + "The tenant pays. " * 40 + "| Note: none"
    assert len(cut(row)) > 30


@pytest.mark.parametrize(
    "piece", ["a", "x. ", "。", '."', ". " * 3 + "\n", "漢字", " \n", "((((", "word word, ", "1.2."]
)
def test_a_large_text_takes_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    spans(text)
    assert time.process_time() - started < 6.0
