"""A few customers made by hand, for the tests of the scores."""

from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from sqlalchemy.orm import Session

from campaigns.content import Template, Version
from campaigns.customers import Consent, Customer
from campaigns.messages import Mailing, Message
from campaigns.purchases import Line, Product, Purchase
from campaigns.tracking import Event

T = TypeVar("T")


class Shop:
    """Writes rows directly, at moments counted in days before `now`."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = session, now
        self._numbers = count(1)
        self._mailing: Mailing | None = None

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def _add(self, row: T) -> T:
        self.session.add(row)
        self.session.flush()
        return row

    def customer(self, name: str, *, days: float = 900) -> int:
        row = Customer(
            email=f"{name}@example.com",
            address_key=f"{name}@example.com",
            domain="example.com",
            may_mail=True,
            may_track=True,
            created_at=self.ago(days),
            updated_at=self.ago(days),
        )
        return self._add(row).id

    def bought(self, who: int, days: float, amount: int = 1000, *, refunded: int = 0, **changes: str) -> int:
        at = self.ago(days)
        values = {"currency": "EUR", "status": "paid", **changes}
        row = Purchase(
            number=f"O{next(self._numbers)}-{self.now:%y%m%d%H%M}",
            customer_id=who,
            purchased_at=at,
            amount=amount,
            refunded=refunded,
            created_at=at,
            updated_at=at,
            **values,
        )
        return self._add(row).id

    def line(self, purchase: int, category: str, amount: int) -> None:
        product = Product(
            number=f"P{next(self._numbers)}-{self.now:%y%m%d%H%M}", name="A thing", category=category
        )
        self._add(product)
        self._add(
            Line(purchase_id=purchase, product_id=product.id, quantity=1, unit_price=amount, amount=amount)
        )

    @property
    def mailing(self) -> int:
        if self._mailing is None:
            template = self._add(
                Template(name=f"A {self.now:%y%m%d%H%M}", created_at=self.now, updated_at=self.now)
            )
            version = self._add(
                Version(
                    template_id=template.id,
                    number=1,
                    format="html",
                    source="",
                    compiled={},
                    links=[{"url": "https://shop.example/tea", "text": "Tea", "category": "Tea"}],
                    created_at=self.now,
                )
            )
            self._mailing = self._add(
                Mailing(
                    kind="newsletter",
                    name="A",
                    version_id=version.id,
                    subject="A",
                    sender_email="hello@shop.example",
                    created_at=self.now,
                )
            )
        return self._mailing.id

    def mailed(self, who: int, days: float, *, is_tracked: bool = True, status: str = "sent") -> int:
        row = Message(
            mailing_id=self.mailing,
            customer_id=who,
            occasion_key=str(next(self._numbers)),
            address="a@example.com",
            domain="example.com",
            status=status,
            is_tracked=is_tracked,
            queued_at=self.ago(days),
            sent_at=self.ago(days) if status == "sent" else None,
        )
        return self._add(row).id

    def hit(
        self, who: int, days: float, kind: str = "clicked", judgement: str = "human", message: int = 0
    ) -> int:
        row = Event(
            kind=kind,
            at=self.ago(days),
            message_id=message or self.mailed(who, days + 0.1),
            mailing_id=self.mailing,
            customer_id=who,
            position=0 if kind == "clicked" else None,
            judgement=judgement,
        )
        return self._add(row).id

    def agreed(self, who: int, days: float, act: str = "form") -> None:
        self._add(Consent(customer_id=who, purpose="mail", is_granted=True, at=self.ago(days), act=act))
