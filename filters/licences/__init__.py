"""Licences as texts, pages and packages state them."""
