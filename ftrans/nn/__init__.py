"""Networks: `ft.nn` has activations, losses, convolution and pooling, initialisers, and layers that are pytrees.

    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv.init(rng, 1, 8, 3), nn.relu, nn.MaxPool(2), nn.Flatten(), nn.Linear.init(rng, 8 * 13 * 13, 10))
    loss = lambda model: nn.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()
    value, slope = ft.value_and_grad(loss)(model)

Everything is a function of arrays: layers are dataclasses that hold the arrays, gradients come from `ft.grad`, optimisers from
`ft.optim`.
"""

from __future__ import annotations

from . import init as init
from .activations import *  # noqa: F403
from .init import count_parameters as count_parameters
from .init import shapes as shapes
from .losses import *  # noqa: F403
from .modules import *  # noqa: F403
from .normalise import *  # noqa: F403
from .spatial import *  # noqa: F403
