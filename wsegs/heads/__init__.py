"""Linear heads on features, fitted on a CPU in seconds. ``N`` images, ``F`` features, ``A`` attributes.

Labels are int8 (N, A): 1 present, 0 absent, -1 unknown. Unknown ones count in no loss, score or threshold.
"""
