"""Embedding, reranking and generation: built in, sentence-transformers, Gemini, OpenAI-compatible."""
