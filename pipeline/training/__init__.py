"""Training of models that measure text, from texts of the user's own."""
