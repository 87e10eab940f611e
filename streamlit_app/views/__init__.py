"""One file per page; each reads like a description of the page."""
