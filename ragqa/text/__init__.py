"""What text is made of: language, folding, sentences, terms. Pure functions, shared by documents and questions."""
