"""Trained networks as files of other programs: ONNX, safetensors, ``torch.export``.

What another program needs to use the network is inside: a card, which :mod:`wsegs.model_export.card` makes.
"""
