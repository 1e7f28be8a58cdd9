"""Writes every generated sample document into a folder: `python -m tools.sample_docs [FOLDER]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.sample_docs import pdf, word
from tools.sample_docs.markup import Source, parse

_SOURCES = Path(__file__).parent / "sources"
_SAMPLE_DOCS = Path(__file__).parents[2] / "sample_docs"

_LAYOUTS = {
    "employee-handbook-leeds": pdf.Layout(
        body_font="Times-Roman",
        heading_font="Helvetica-Bold",
        header="Merrowby Instruments Ltd · Employee Handbook, Leeds",
        footer="HB-LDS, edition 7, 2 February 2026",
        contents="Contents",
    ),
    "data-protection-policy": pdf.Layout(
        body_font="Helvetica",
        heading_font="Helvetica-Bold",
        header="Merrowby Instruments · Data Protection and Security Policy",
        footer="DP-02, version 3.1",
        contents="",
        front=1,
        prefix="DP-",
    ),
    "員工手冊-台北": pdf.Layout(
        body_font="MSung-Light",
        heading_font="MSung-Light",
        header="麥洛比儀器股份有限公司　員工手冊（台北）",
        footer="HB-TPE　第五版",
        contents="目錄",
    ),
    "深圳工厂安全规程": pdf.Layout(
        body_font="STSong-Light",
        heading_font="STSong-Light",
        header="麦洛比仪器（深圳）有限公司　安全规程",
        footer="SF-SZ-01　2026年版",
        contents="",
        front=0,
        labels=False,
    ),
}
_WORD_FILES = {
    "castings-supply-contract": ("Calibri", "en-GB"),
    "經銷合約-雲岡測量": ("PMingLiU", "zh-TW"),
    "电池组采购合同": ("SimSun", "zh-CN"),
}
_LEGACY_TEXT = {"會議紀錄-2026年4月": "big5", "校准大厅笔记": "gb18030"}


def generated() -> Iterator[tuple[str, bytes]]:
    """File name and bytes of each document that is made here."""
    for name, layout in _LAYOUTS.items():
        yield f"{name}.pdf", pdf.render(_read(name), layout)
    for name, (font, language) in _WORD_FILES.items():
        yield f"{name}.docx", word.render(_read(name), font=font, language=language)
    for name, encoding in _LEGACY_TEXT.items():
        yield f"{name}.txt", (_SOURCES / f"{name}.txt").read_text(encoding="utf-8").encode(encoding)


def _read(name: str) -> Source:
    return parse((_SOURCES / f"{name}.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _SAMPLE_DOCS
    for name, data in generated():
        (folder / name).write_bytes(data)
        print(f"{len(data):8,} {name}")
