"""One verb a file: ingest, search, ask, status, check ... Straight lines over the rooms below."""
