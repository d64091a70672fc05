"""Rules as people write them, checked and given meaning. docs/rules.md, clause 1."""
