"""The blueprint that the files of this page hang their views on."""

from webapp.security import admin_blueprint

blueprint = admin_blueprint("customers")
