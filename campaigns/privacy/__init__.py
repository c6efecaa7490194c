"""Being forgotten: a person erased in every room, with a keyed hash that keeps them out."""

from campaigns.privacy.actions import address_gate, erase_customer

__all__ = ["address_gate", "erase_customer"]
