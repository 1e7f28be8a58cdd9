"""The command line: parse, one flow, render, exit. `main` is the only catcher of RagqaError."""
