"""What a network leans on: groups of people, correlations between attributes, how often an attribute is there."""
