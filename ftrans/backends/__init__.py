"""What runs programs: one sub-package per backend. Importing this package imports no compiler."""
