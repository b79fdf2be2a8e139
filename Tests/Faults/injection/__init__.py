"""What is done to a running stack, one fault at a time."""
