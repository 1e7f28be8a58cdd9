"""ragqa answers questions from a person's own documents, in the terminal, with citations that code has checked."""

__version__ = "0.1.0"
