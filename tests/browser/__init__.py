"""The pages in a real browser: Chromium, axe, and whole stories."""
