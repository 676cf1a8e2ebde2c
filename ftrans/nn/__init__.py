"""Networks: activations, losses, layers (work in progress)."""
