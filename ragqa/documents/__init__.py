"""Bytes to Document to chunks: one file per format family, the parser child, chunking."""
