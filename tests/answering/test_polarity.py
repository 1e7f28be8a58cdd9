"""A "not" too many or too few is seen where the words around it are the same; other words are left alone."""

from __future__ import annotations

import pytest

from ragqa.answering.support import check, judge

LEASE = (
    "The tenant may not terminate the lease during the first year. The landlord must repair the roof. "
    "Pets are allowed in the garden, not in the house. No notice is needed for a visit."
)
CONTRACT = (
    "承租人在第一年內不得終止租約。出租人必須修理屋頂。訪客可以在花園飼養寵物，不同的規定另行公告。禁止轉租房屋。"
)


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("During the first year the tenant may terminate the lease.", LEASE),
        ("The landlord must not repair the roof.", LEASE),
        ("The landlord doesn't repair the roof.", LEASE),
        ("承租人在第一年内得终止租约。", CONTRACT),
        ("出租人不必須修理屋頂。", CONTRACT),
        ("出租人並沒有必須修理屋頂的義務。", CONTRACT.replace("必須修理", "有必須修理")),
    ],
)
def test_a_not_too_many_or_too_few_is_seen(sentence: str, passage: str) -> None:
    assert judge(sentence, [passage]).fault == "polarity"


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("The tenant is not allowed to terminate the lease in the first year.", LEASE),
        ("The landlord has to repair the roof.", LEASE),
        ("Pets are allowed only in the garden, and not in the house.", LEASE),
        ("In the garden pets are allowed.", LEASE),
        ("A visit does not need a notice.", LEASE),
        ("Not only the roof must be repaired by the landlord.", LEASE),
        ("承租人在第一年內不可以終止租約。", CONTRACT),
        ("出租人必須要修理屋頂。", CONTRACT),
        ("不得轉租房屋。", CONTRACT),
        ("訪客可以在花園裡飼養寵物。", CONTRACT),
    ],
)
def test_what_says_the_same_in_other_words_is_left_alone(sentence: str, passage: str) -> None:
    assert check(sentence, [passage]) == "supported"
