"""The checker itself, on histories that were planted."""
