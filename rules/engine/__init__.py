"""The engine: what the rules say of a shard's readings, in log order. docs/rules.md, clauses 2 to 8."""
