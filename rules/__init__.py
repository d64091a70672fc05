"""The rule engine: pure, deterministic, told the time. docs/rules.md is its contract."""
