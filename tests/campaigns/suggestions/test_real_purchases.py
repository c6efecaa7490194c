"""On a real shop's purchases the suggestions hit more often than the best sellers and than counting together."""

import csv
import gzip
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.suggestions.rules import learn

CUT = "2011-10-09"
"""What was bought before is known; what came in the two months after is to be found."""
Sets = dict[str, set[int]]


def histories(folder: Path) -> tuple[Sets, Sets, int]:
    """`{customer: products}` before and after the cut, and how many products there are."""
    before, after = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    places: dict[str, int] = {}
    with gzip.open(folder / "purchases" / "online_retail_lines.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            is_good = row["product_id"][:5].isdigit() and float(row["unit_price"]) > 0
            if is_good and int(row["quantity"]) > 0:
                place = places.setdefault(row["product_id"], len(places))
                (before if row["ordered_at"] < CUT else after)[row["customer_id"]].add(place)
    return before, after, len(places)


def matrix(sets: list[set[int]], width: int) -> NDArray[np.float64]:
    found = np.zeros((len(sets), width))
    for row, products in enumerate(sets):
        found[row, list(products)] = 1
    return found


def hits(scores: NDArray[np.float64], known: list[set[int]], came: list[set[int]]) -> float:
    """The share of customers of whose ten best one was bought; what they had does not count."""
    found = 0
    for row, had, new in zip(scores, known, came, strict=True):
        row[list(had)] = -np.inf
        found += bool(set(np.argsort(-row, kind="stable")[:10].tolist()) & new)
    return found / len(known)


def test_ten_suggestions_hit_for_more_than_a_third_of_unseen_customers(shared_data: Path) -> None:
    before, after, width = histories(shared_data)
    is_seen = {who: zlib.crc32(who.encode()) % 3 > 0 for who in before}
    seen = [products for who, products in before.items() if is_seen[who]]
    unseen = [who for who in before if not is_seen[who] and after.get(who, set()) - before[who]]
    known, came = [before[who] for who in unseen], [after[who] - before[who] for who in unseen]
    assert len(unseen) > 300
    customer = np.repeat(np.arange(len(seen)), [len(products) for products in seen])
    product = np.concatenate([np.array(sorted(products)) for products in seen])
    found = learn(customer, product, width, least_support=5)
    weights = np.zeros((width, width))
    weights[found.product, found.suggested] = found.weight
    mine = matrix(known, width)
    together = matrix(seen, width)
    counts = together.T @ together
    np.fill_diagonal(counts, 0)
    ours = hits(mine @ weights, known, came)
    best_sellers = hits(np.tile(together.sum(axis=0), (len(known), 1)), known, came)
    counted = hits(mine @ counts, known, came)
    print(f"hits of ten: {ours:.1%}; counted together {counted:.1%}; best sellers {best_sellers:.1%}")
    assert ours >= 0.35
    assert ours > counted * 1.1 > best_sellers
