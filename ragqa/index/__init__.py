"""The store (SQLite, the truth) and what is searched: BM25 postings and vectors."""
