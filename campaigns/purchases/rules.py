"""Money in minor units, what an order says, and which orders a return is taken off. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from campaigns.errors import Invalid

NO_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
LARGEST = 10**15
"""No order is worth more minor units; what is larger is a mistake in the file."""

STATUSES = {
    "paid": "Paid",
    "refunded": "Refunded",
    "cancelled": "Cancelled",
    "return": "Goods given back",
}
"""What became of an order; `return` is a row of what was given back, not an order."""


class LineFacts(NamedTuple):
    """One line of an order. Money in minor units; `amount` None is quantity times unit price.

    An empty `product` says nothing of what was bought: the line counts for the amount only.
    """

    product: str
    quantity: int
    unit_price: int
    amount: int | None = None
    name: str = ""
    category: str = ""

    @property
    def total(self) -> int:
        """What the line costs."""
        return self.quantity * self.unit_price if self.amount is None else self.amount


class OrderFacts(NamedTuple):
    """An order as told by a line, a form or a call. `amount` None: the sum of its lines.

    `refunded` None and `status` "" say nothing: what is on record stays (a new order is paid, a negative one
    a return).
    """

    number: str
    customer_id: int
    purchased_at: datetime
    currency: str
    amount: int | None = None
    lines: tuple[LineFacts, ...] = ()
    refunded: int | None = None
    status: str = ""
    channel: str = ""

    @property
    def total(self) -> int:
        """What the order costs, in minor units."""
        return sum(line.total for line in self.lines) if self.amount is None else self.amount


def digits(currency: str) -> int:
    """Decimals of a currency (ISO 4217): 2 for EUR, 0 for JPY, 3 for TND."""
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in units as minor units, rounded half to even; raises Invalid beyond any sensible order."""
    minor = int((amount * 10 ** digits(currency)).to_integral_value(ROUND_HALF_EVEN))
    if abs(minor) > LARGEST:
        raise Invalid(f"An amount of {amount} {currency} cannot be right.")
    return minor


def to_units(minor: int, currency: str) -> Decimal:
    """Minor units as units: 1990 EUR → 19.90, 1990 JPY → 1990."""
    return Decimal(minor).scaleb(-digits(currency))


def read_currency(text: str) -> str:
    """A currency by its three letters (ISO 4217), or one of the signs that mean only one."""
    word = text.strip().upper()
    word = {"€": "EUR", "£": "GBP", "¥": "JPY"}.get(word, word)
    if len(word) != 3 or not word.isascii() or not word.isalpha():
        raise Invalid(f"“{text.strip()[:20]}” is not a currency; write its three letters, like EUR.")
    return word


class Held(NamedTuple):
    """Lines of one product in one order: what a return can be taken off."""

    purchase_id: int
    product_id: int
    purchased_at: datetime
    quantity: int
    amount: int


def settle(bought: Sequence[Held], given_back: Sequence[Held]) -> dict[int, int]:
    """`{purchase_id: minor units}` that returns take off the orders of one customer.

    Each return takes its pieces from the newest earlier orders of the same product, at the price paid there;
    one without products (product 0) takes its amount from the newest earlier orders of any. What was bought
    before our records begin finds no order, and lowers nothing.
    """
    left = {(held.purchase_id, held.product_id): [held.quantity, held.amount] for held in bought}
    shelves: dict[int, list[Held]] = {}
    for held in sorted(bought, key=lambda held: (held.purchased_at, held.purchase_id), reverse=True):
        shelves.setdefault(held.product_id, []).append(held)
        if held.product_id:
            shelves.setdefault(0, []).append(held)
    taken: dict[int, int] = {}
    for back in sorted(given_back, key=lambda held: (held.purchased_at, held.purchase_id)):
        wanted = -back.quantity if back.product_id else -back.amount
        for held in shelves.get(back.product_id, ()):
            if wanted <= 0:
                break
            stock = left[held.purchase_id, held.product_id]
            if held.purchased_at > back.purchased_at or stock[0] <= 0 or stock[1] <= 0:
                continue
            if back.product_id:
                took = min(wanted, stock[0])
                worth = stock[1] if took == stock[0] else stock[1] * took // stock[0]
                stock[0] -= took
            else:
                worth = took = min(wanted, stock[1])
            stock[1] -= worth
            wanted -= took
            taken[held.purchase_id] = taken.get(held.purchase_id, 0) + worth
    return taken
