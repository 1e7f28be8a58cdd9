"""A sentence counts as supported only where its numbers, names, codes and words stand in what it cites."""

from __future__ import annotations

import pytest

from ragqa.answering.support import check, content, overlap

LEEDS = (
    "Employees of the Leeds office receive 25 days of annual leave a year, from 1 January 2025. Leave must be "
    "requested by e-mail from Ms Okafor at least two weeks ahead. The X200 costs £1,200 under the “fair use” rule."
)
TAIPEI = (
    "台北辦公室的員工自2025年1月1日起，每年享有十四天特休假。請假須於兩週前以書面向王經理提出。"
    "X200 的價格為新台幣 36,000 元，適用「合理使用」規則。"
)


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("Leave must be requested by e-mail", LEEDS),
        ("leave must be requested by e\u2011mail from Ms Okafor.", LEEDS),
        ("**请假须于两周前** 以书面向王经理提出。", TAIPEI),
    ],
)
def test_word_for_word_is_quoted(sentence: str, passage: str) -> None:
    assert check(sentence, ["Something else.", passage]) == "quoted"


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("Staff at Leeds get twenty-five days of annual leave each year.", LEEDS),
        ("Annual leave of 25 days applies from 2025-01-01.", LEEDS),
        ("You have to request leave by e-mail two weeks ahead.", LEEDS),
        ("The price of the X200 is 1200 pounds sterling.", LEEDS),
        ("Under 'fair use', the X200 costs £1,200.", LEEDS),
        ("员工每年有14天特休假。", TAIPEI),
        ("从二〇二五年一月一日起，员工每年可享有 14 天特休假。", TAIPEI),
        ("X200 售價 36000 元。", TAIPEI),
        ("The X200 costs NT$36,000.", TAIPEI),
        ("Employees get 14 days off a year.", TAIPEI),
    ],
)
def test_the_same_in_other_words_is_supported(sentence: str, passage: str) -> None:
    assert check(sentence, [passage]) == "supported"


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("Staff at Leeds get 26 days of annual leave each year.", LEEDS),
        ("Staff at Leeds get 25 weeks of annual leave each year.", LEEDS),
        ("Annual leave of 25 days applies from 2 January 2025.", LEEDS),
        ("Leave must be requested from Ms Patel by e-mail two weeks ahead.", LEEDS),
        ("The X300 costs £1,200.", LEEDS),
        ("The X200 costs £1,200 under the “best use” rule.", LEEDS),
        ("Parking costs extra for visitors.", LEEDS),
        ("員工每年享有十五天特休假。", TAIPEI),
        ("請假須於兩個月前以書面向王經理提出。", TAIPEI),
        ("停車位由訪客自行負責。", TAIPEI),
        ("X200 適用「最佳使用」規則，價格為新台幣 36,000 元。", TAIPEI),
        ("The X200 costs NT$35,000.", TAIPEI),
        ("The X300 costs NT$36,000.", TAIPEI),
        ("Yes.", LEEDS),
        ("。", TAIPEI),
    ],
)
def test_what_the_passage_does_not_say_is_unsupported(sentence: str, passage: str) -> None:
    assert check(sentence, [passage]) == "unsupported"


KUBLAI = (
    "1271年，忽必烈改國號為大元，次年定都大都，即今北京。佐敦谷南道的王小明先生與卡洛·兩西西里在上海見面。"
    "據《元史》記載，戰爭持續了約一個月。"
)


@pytest.mark.parametrize(
    "sentence",
    [
        "根据资料，忽必烈在1271年把国号改为大元。",
        "大元於次年定都於今日的北京。",
        "王小明先生在上海和卡洛·兩西西里見過面。",
        "答案是：這場戰爭持續了大約一個月。",
    ],
)
def test_chinese_in_other_ordinary_words_is_supported(sentence: str) -> None:
    assert check(sentence, [KUBLAI]) == "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        "朱元璋在1271年改國號為大元。",
        "1271年，拿破仑改国号为大元。",
        "大元次年定都大都，即今南京。",
        "王小華先生與卡洛·兩西西里在上海見面。",
        "李小明先生與卡洛·兩西西里在上海見面。",
        "王小明先生與卡洛·那不勒斯在上海見面。",
        "王小明先生與卡洛·兩西西里在日本見面。",
        "據《明史》記載，戰爭持續了約一個月。",
        "據《元史》記載，戰爭持續了約一年。",
    ],
)
def test_a_chinese_name_that_is_not_there_is_unsupported(sentence: str) -> None:
    assert check(sentence, [KUBLAI]) == "unsupported"


def test_across_languages_only_figures_can_support() -> None:
    assert check("Employees request leave in writing.", [TAIPEI]) == "unsupported"
    assert check("員工須以電子郵件請假。", [LEEDS]) == "unsupported"
    assert check("Leave is requested 2 weeks ahead.", [TAIPEI]) == "supported"
    assert check("Leave is requested 3 weeks ahead.", [TAIPEI]) == "unsupported"


def test_nothing_cited_supports_nothing() -> None:
    assert check("Leave must be requested by e-mail", []) == "unsupported"
    assert check("Leave must be requested by e-mail", ["", " \n"]) == "unsupported"


def test_several_passages_support_together() -> None:
    assert check("The X200 costs £1,200 and weighs 3 kg.", [LEEDS]) == "unsupported"
    assert check("The X200 costs £1,200 and weighs 3 kg.", [LEEDS, "It weighs three kilograms."]) == "supported"


def test_overlap_counts_content_not_function_words() -> None:
    assert overlap("the of and is", LEEDS) == 0.0
    assert overlap("annual leave", LEEDS) == 1.0
    assert overlap("特休假", TAIPEI) == 1.0
    assert "特" not in content("特休假")
    assert content("的") or overlap("的", TAIPEI) == 0.0
