"""Makes those of the sample documents that are not plain text: PDF, Word, and text in Big5 and GB18030.

`sample_docs/` is the paper of one invented company, Merrowby Instruments (麥洛比儀器, 麦洛比仪器), which builds weather
stations: designed in Leeds, written and sold from Taipei, assembled in Shenzhen. Its offices keep their own rules, so
the same topic (leave, warranty, alarms, payment) stands in several documents with different figures, and a question has
one right answer only if retrieval chooses the right document. Nothing in it is real.

`sample_docs/questions.jsonl` asks for it, one question a line:

    id          stable name
    question    as a person would ask, in `language` (en, zh-Hant, zh-Hans), sometimes in the other Chinese script
    answerable  false: the topic may be there, the answer is not; the fields below are then empty
    answers     accepted strings, as they stand in the document
    document    file name
    page        physical page from 1, or null; page_label is what is printed on it, or null
    heading     the nearest heading above the answer, or null
    evidence    the words of the document that hold the answer; they stand in one document and on one page only

Markdown, HTML and UTF-8 text are edited in `sample_docs/` itself. The rest is written here, in `sources/`, and made by

    python -m tools.sample_docs [FOLDER]

with the same bytes every time (for the same versions of reportlab and python-docx).
"""
