"""Pages of the admin: one file per page, named like its URL and its folder of templates."""
