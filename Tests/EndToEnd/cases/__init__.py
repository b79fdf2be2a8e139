"""The tests, by what they are about; each name is the sentence it proves."""
