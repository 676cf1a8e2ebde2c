"""The primitives by family; adding one touches one file here."""
