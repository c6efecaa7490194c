"""Commands of `liaison`: one file per noun, joined by `webapp/cli.py`."""
