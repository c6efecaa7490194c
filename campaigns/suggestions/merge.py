"""What a letter may say of products that go with what its reader bought."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns.merge import MergeField, MergeSource
from campaigns.suggestions.queries import suggestions_for

_ITEM = (
    MergeField("name", "Product", may_lack=False, example="Wool hat"),
    MergeField("number", "Number of the product", may_lack=False, example="W-17"),
    MergeField("category", "Category", example="Hats"),
    MergeField("because", "Product of theirs it goes with", may_lack=False, example="Blue scarf"),
    MergeField("support", "Customers who bought both", "number", may_lack=False, example=38),
)
_EXAMPLES = [
    {"name": "Wool hat", "number": "W-17", "category": "Hats", "because": "Blue scarf", "support": 38},
    {"name": "Gloves", "number": "G-3", "category": "Gloves", "because": "Wool socks", "support": 21},
]
FIELDS = (
    MergeField(
        "products",
        "Products that go with what was bought, the best first",
        "list",
        may_lack=False,
        example=_EXAMPLES,
        longest=[],
        items=_ITEM,
    ),
)


def _load(session: Session, ids: Sequence[int], _now: datetime) -> dict[int, dict[str, Any]]:
    return {
        customer_id: {
            "products": [
                {
                    "name": found.name,
                    "number": found.number,
                    "category": found.category or None,
                    "because": found.because,
                    "support": found.support,
                }
                for found in suggestions
            ]
        }
        for customer_id, suggestions in suggestions_for(session, ids).items()
    }


SOURCE = MergeSource("suggestions", "Suggestions", FIELDS, _load)
