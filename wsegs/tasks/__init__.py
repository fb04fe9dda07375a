"""What is learnt: one file a task, with its loss, scores and decoding."""
