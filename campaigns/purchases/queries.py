"""Reads: orders of a customer with their lines, and products."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.errors import NotFound
from campaigns.purchases.model import Line, Product, Purchase


def get_purchase(session: Session, number: str) -> Purchase:
    """The order with this number; NotFound if there is none."""
    purchase = session.scalar(select(Purchase).where(Purchase.number == number))
    if purchase is None:
        raise NotFound(f"There is no order {number}.")
    return purchase


def of_customer(customer_id: int) -> Select[Purchase]:
    """A customer's orders and returns, newest first."""
    return (
        select(Purchase)
        .where(Purchase.customer_id == customer_id)
        .order_by(Purchase.purchased_at.desc(), Purchase.id.desc())
    )


def lines_of(session: Session, purchase_ids: Sequence[int]) -> dict[int, list[tuple[Line, Product]]]:
    """`{purchase_id: [(line, product)]}` in the order in which they were written."""
    found: dict[int, list[tuple[Line, Product]]] = {purchase_id: [] for purchase_id in purchase_ids}
    rows = (
        select(Line, Product)
        .join(Product, Product.id == Line.product_id)
        .where(Line.purchase_id.in_(purchase_ids))
        .order_by(Line.id)
    )
    for line, product in session.execute(rows):
        found[line.purchase_id].append((line, product))
    return found
