"""A shop to try Liaison with: invented from a seed, or read from a file of real purchases. Owns no tables."""

from campaigns.demonstration.build import build, load_purchases_file
from campaigns.demonstration.catalogue import SHOP_NAME

__all__ = ["SHOP_NAME", "build", "load_purchases_file"]
