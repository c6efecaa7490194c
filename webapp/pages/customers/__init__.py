"""Customers: the list, one customer with everything about them, the forms, the declared attributes."""

from webapp.pages.customers import attributes, edit, show
from webapp.pages.customers.blueprint import blueprint

__all__ = ["attributes", "blueprint", "edit", "show"]
