"""Rules make good questions of plain sentences and tables, and none of what they do not understand."""

from __future__ import annotations

import pytest

from ragqa.evaluation.drafts import checked
from ragqa.evaluation.templates import propose
from ragqa.text.language import detect
from ragqa.types import Chunk


def drafted(text: str, *, heading: tuple[str, ...] = (), opens_section: bool = True) -> list[tuple[str, str]]:
    chunk = Chunk(0, len(text), text, heading)
    proposals = propose(chunk, detect(text), opens_section=opens_section)
    return [(proposal.question, proposal.answer) for proposal in proposals if checked(proposal, text)]


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "Full-time staff have 27 days of paid leave a year, and the public holidays on top.",
            "How many days of paid leave do full-time staff have?",
            "27 days",
        ),
        (
            "Invoices are paid within 45 calendar days of receipt.",
            "Within what time of receipt are invoices paid?",
            "45 calendar days",
        ),
        (
            "Camera pictures are kept for 45 days after transfer.",
            "For how long are camera pictures kept after transfer?",
            "45 days",
        ),
        (
            "The humidity element is replaced every two years.",
            "How often is the humidity element replaced?",
            "every two years",
        ),
        ("Unused leave must be taken by 30 June.", "By what date must unused leave be taken?", "30 June"),
        ("Lunch in the canteen costs £3.40.", "How much does lunch in the canteen cost?", "£3.40"),
        ("Marta Lind has 12 engineers.", "How many engineers does Marta Lind have?", "12 engineers"),
        ("The minimum order quantity is 200 pages.", "What is the minimum order quantity?", "200 pages"),
        (
            "“Delivery date” means the day on which the goods reach the buyer.",
            "What does “Delivery date” mean?",
            "the day on which the goods reach the buyer",
        ),
        ("保密期限为合同终止后三年。", "保密期限为合同终止后多少年？", "三年"),
        ("雨量筒應每 6 個月清洗一次。", "雨量筒應每多少個月清洗一次？", "6 個月"),
        ("住宿費以每晚 3,000 元為上限，憑收據報支。", "住宿費以每晚多少元為上限？", "3,000 元"),
        ("海燕300的备件供应至2027年12月31日。", "海燕300的备件供应至哪一天？", "2027年12月31日"),
        ("本合同所称“交付”是指货物到达甲方仓库并验收合格。", "交付是指什么？", "货物到达甲方仓库并验收合格"),
        ("「保固期」係指自出貨日起算的三十個月期間。", "保固期是指什麼？", "自出貨日起算的三十個月期間"),
    ],
)
def test_a_plain_sentence_becomes_a_question(sentence: str, question: str, answer: str) -> None:
    assert drafted(sentence) == [(question, answer)]


@pytest.mark.parametrize(
    "sentence",
    [
        "It must be returned within 30 days.",
        "If the parts are late, they are paid within 30 days.",
        "The order is cancelled.",
        "The parts that fail are replaced within 30 days.",
        "The river rose by 2 metres and fell by 3.",
        "The limit is 140 pounds.",
        "Nobody likes rain.",
        "该设备应在三日内退回。",
        "逾期三日的，視為放棄。",
        "如有损坏，应在三日内通知。",
        "甲方有三名员工和五台设备。",
        "每套有一个开关。",
        "第三条为保密条款。",
        "主機三十個月。",
        "甲方分三至五天交付货物。",
    ],
)
def test_what_leans_on_its_neighbours_or_is_not_understood_becomes_none(sentence: str) -> None:
    assert drafted(sentence) == []


def test_cells_of_a_table_are_asked_for_by_row_and_column() -> None:
    rows = "Product: WS-21 | Price: £412 | In stock: yes\nProduct: RG-8 | Price: £228 | In stock: no"
    assert drafted(rows, heading=("Price list", "2. Sensors")) == [
        ("Sensors: what is the price for WS-21?", "£412"),
        ("Sensors: what is the price for RG-8?", "£228"),
    ]
    rows = "料号: BP-15 | 品名: 海燕电池组 | 单价（元）: 254.50"
    assert drafted(rows) == [("BP-15的品名是什么？", "海燕电池组"), ("BP-15的单价是多少？", "254.50")]


def test_rows_that_cannot_be_told_apart_are_not_asked_for() -> None:
    assert drafted("Product: WS-21 | Price: £412\nProduct: WS-21 | Price: £390") == []
    assert drafted("Products: 5 to 9 | Discount: 4 %\nProducts: 10 | Discount: 9 %") == []
    assert drafted("Place: Other countries | Limit: £130") == []
    assert drafted("a | b\nc | d") == []


def test_a_heading_that_asks_is_answered_by_the_first_sentence_under_it() -> None:
    text = "The battery pack lasts five to seven years. Heat is bad for it."
    heading = ("Support", "4.1 How long does the battery pack last?")
    wanted = ("How long does the battery pack last?", "The battery pack lasts five to seven years.")
    assert drafted(text, heading=heading)[0] == wanted
    assert wanted not in drafted(text, heading=heading, opens_section=False), "the answer stands in the passage before"


def test_a_paragraph_that_begins_with_a_question_answers_it() -> None:
    text = "We like mail. Who does not?\n\nHow do I reach you? By telephone, from nine to five."
    assert drafted(text) == [("How do I reach you?", "By telephone, from nine to five.")]
    assert drafted("電話什麼時候有人接？週一到週五上午九點到下午六點。") == [
        ("電話什麼時候有人接？", "週一到週五上午九點到下午六點。")
    ]
    assert drafted("We met at noon. Who would have thought so? The rain had stopped by then.") == []


def test_other_languages_are_left_alone() -> None:
    assert drafted("保証期間は三年です。雨量計は二年ごとに交換してください。") == []
