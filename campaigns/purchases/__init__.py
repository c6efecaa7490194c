"""What they bought: orders with their lines, products with categories, refunds and returns."""

from campaigns.purchases.actions import bulk_record_purchases, record_purchase, record_refund
from campaigns.purchases.model import Line, Product, Purchase
from campaigns.purchases.order_files import ORDER_FILES
from campaigns.purchases.queries import get_purchase, lines_of, of_customer
from campaigns.purchases.rules import (
    STATUSES,
    LineFacts,
    OrderFacts,
    digits,
    read_currency,
    to_minor,
    to_units,
)

__all__ = [
    "ORDER_FILES",
    "STATUSES",
    "Line",
    "LineFacts",
    "OrderFacts",
    "Product",
    "Purchase",
    "bulk_record_purchases",
    "digits",
    "get_purchase",
    "lines_of",
    "of_customer",
    "read_currency",
    "record_purchase",
    "record_refund",
    "to_minor",
    "to_units",
]
