"""Networks that belong to machines, and whether a hit came from one of them. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

MOST_REMEMBERED = 50_000

Span = tuple[int, int]


class Networks:
    """A set of networks that answers quickly for the prefixes of hits; equal only to itself.

    A hit's address is kept as a prefix only (`192.0.2.0/24`): it counts as inside when the two overlap, so a
    network smaller than that prefix stands for the whole of it.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        given = [ip_network(text) for text in texts]
        four = collapse_addresses(each for each in given if isinstance(each, IPv4Network))
        six = collapse_addresses(each for each in given if isinstance(each, IPv6Network))
        self._spans: dict[int, list[Span]] = {
            version: sorted(_span(network) for network in found) for version, found in ((4, four), (6, six))
        }
        self._remembered: dict[str, bool] = {}

    def __contains__(self, prefix: str) -> bool:
        """Whether a hit from this prefix may have come from one of them; False for what is none."""
        known = self._remembered.get(prefix)
        if known is None:
            known = self._look_up(prefix)
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[prefix] = known
        return known

    def _look_up(self, prefix: str) -> bool:
        try:
            here = ip_network(prefix, strict=False)
        except ValueError:
            return False
        first, last = _span(here)
        spans = self._spans[here.version]
        place = bisect_right(spans, (last, 1 << 128)) - 1  # the last one that begins at or before our end
        return place >= 0 and spans[place][1] >= first


def _span(network: IPv4Network | IPv6Network) -> Span:
    return int(network.network_address), int(network.broadcast_address)


NOWHERE = Networks()
