"""Who looks: pages, public pages, the API, and the command `liaison`."""
