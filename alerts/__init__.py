"""From alert to ticket: what people talk about, whose task it is, and by when."""
