"""The city as data, and the words every other room shares. Bottom layer: imports nobody."""
