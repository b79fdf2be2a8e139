"""Many clients that call each other at a steady rate, and keep a history of all they send and hear."""
