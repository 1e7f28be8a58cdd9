#!/usr/bin/env bash
# What `make demo` shows: sample_docs ingested and asked, in English and in Chinese, without any key.
set -euo pipefail
cd "$(dirname "$0")/.."
unset GEMINI_API_KEY GOOGLE_API_KEY RAGQA_INDEX
PATH="$PWD/.venv/bin:$PATH"
rm -rf .demo

show() {
    printf '\n$ ragqa'
    for word in "$@"; do
        case "$word" in *[!A-Za-z0-9_./-]*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    ragqa "$@" --index .demo/.ragqa || printf '(exit code %s)\n' "$?"
}

show ingest sample_docs
show ask "How many days of holiday does a full-time employee in Leeds get each year?"
show ask "晚上八點以後還在辦公室，公司提供多少餐費？"
show ask "土壤水分报警的出厂值是多少？"
show ask "Who won the football world cup in 1998?"
