"""All pointwise operations in one place; their families are in pointwise, comparison, complexes, exponential, arithmetic,
rounding, trigonometric and special."""

from __future__ import annotations

from .arithmetic import *  # noqa: F403
from .comparison import *  # noqa: F403
from .complexes import *  # noqa: F403
from .exponential import *  # noqa: F403
from .pointwise import *  # noqa: F403
from .rounding import *  # noqa: F403
from .special import *  # noqa: F403
from .trigonometric import *  # noqa: F403
