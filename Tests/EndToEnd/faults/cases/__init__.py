"""The cases, in the order in which they run: names as sentences, and what does them to a stack."""
