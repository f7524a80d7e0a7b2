"""The sections of a configuration. Their fields are its keys, and the docstrings of the fields its documentation."""
