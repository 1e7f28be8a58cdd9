"""From hits to a checked answer: prompt, quotes, citations, abstention. Pure functions."""
