"""Journeys: the list, one journey with its counts, the editor of its steps, its travellers and their traces."""

from webapp.pages.journeys import edit, people, show, steps
from webapp.pages.journeys.blueprint import blueprint

__all__ = ["blueprint", "edit", "people", "show", "steps"]
