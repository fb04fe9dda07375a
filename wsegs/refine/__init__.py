"""Refine hair, neck and ears by image colour.

From the image, region integers and landmarks of one face to refined region integers. Reads no image files.
"""

from wsegs.refine.refine import METHOD_VERSION, refine_regions
from wsegs.refine.refinement import Refinement, load_refinement

__all__ = ["METHOD_VERSION", "Refinement", "load_refinement", "refine_regions"]
