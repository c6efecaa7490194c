"""The blueprint that the files of this page hang their views on."""

from typing import Any

from webapp.context import runtime
from webapp.security import admin_blueprint

blueprint = admin_blueprint("segments")


def ways() -> dict[str, Any]:
    """What every question to segments is asked with: the fields, the moment, the zone."""
    house = runtime()
    return {"fields": house.fields, "now": house.clock.now(), "zone": house.config.zone}
