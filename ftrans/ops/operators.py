"""Python's operators on traced arrays: `x + y`, `-x`, `x < y`, `x @ y`, bool(x), iteration."""
