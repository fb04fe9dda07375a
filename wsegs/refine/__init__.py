"""Refining regions by pixels: where landmarks only bet (hair, neck, ears), the colours of the photo decide.

A leaf above ``rules``: image, region integers and landmarks of one face in, region integers out. It reads no images.
"""

from wsegs.refine.refine import METHOD_VERSION, refine_regions
from wsegs.refine.refinement import Refinement, load_refinement

__all__ = ["METHOD_VERSION", "Refinement", "load_refinement", "refine_regions"]
