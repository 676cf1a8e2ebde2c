"""The transformations, each a function Jaxpr -> Jaxpr and its public wrapper; one file each."""
