"""Words, in two halves: `web/` are pages (read by Flask), `mail/` are layouts and starters (read by content).

Three things are called template elsewhere: here the row is a *template*, the frame a *layout*, the screen a *page*.
"""

from pathlib import Path

WEB = Path(__file__).parent / "web"
MAIL = Path(__file__).parent / "mail"
