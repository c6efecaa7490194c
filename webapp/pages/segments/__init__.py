"""Segments: the list, the editor, one segment with its members and its reasons."""

from webapp.pages.segments import edit, show
from webapp.pages.segments.blueprint import blueprint

__all__ = ["blueprint", "edit", "show"]
