"""Names of the log's topics, and of the header that says what a record of `readings` is."""

READINGS = "readings"
ALERTS = "alerts"
DEAD_LETTERS = "dead-letters"

KIND = "kind"
BATCH = b"batch"
TICK = b"tick"
