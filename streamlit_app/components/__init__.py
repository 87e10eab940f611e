"""Parts of pages, each a module with one `show`."""
