"""Pictures for people: overlays, contact sheets, attribute maps, learning curves and bar charts."""
