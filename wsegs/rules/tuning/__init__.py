"""Rules scored, compared and fitted against human masks."""
