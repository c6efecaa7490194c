"""What a WSGI server starts: `granian --interface wsgi --factory webapp.wsgi:create`, settings from LIAISON_CONFIG."""

import os
from pathlib import Path

from campaigns.config import load
from campaigns.runtime import assemble
from webapp.app import create_app
from webapp.hits import Application


def create() -> Application:
    """The application of the settings that LIAISON_CONFIG names (else config.toml here, else the defaults)."""
    here = Path("config.toml")
    named = os.environ.get("LIAISON_CONFIG")
    path = Path(named) if named else (here if here.exists() else None)
    application: Application = create_app(assemble(load(path))).wsgi_app
    return application
