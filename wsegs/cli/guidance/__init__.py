"""What a command tells beside its result: the next step."""
