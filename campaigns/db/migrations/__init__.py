"""Migrations: numbered files, one step each, never edited once released."""
