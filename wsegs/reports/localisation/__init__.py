"""Pictures of what LNets locate: response maps, and recall against overlap."""
