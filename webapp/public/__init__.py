"""Pages for customers: no login, no cookie."""
