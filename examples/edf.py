"""EDF, the teaching framework of 150 lines, without its backward methods: each component says what it computes, and no more.

    the original                                              here
    class Sigmoid(CompNode):                                  class Sigmoid(CompNode):
        def __init__(self, x):
            CompNodes.append(self)
            self.x = x
        def forward(self):                                        def function(self, x):
            self.value = 1 / (1 + np.exp(-self.x.value))              return 1 / (1 + np.exp(-x))
        def backward(self):
            s = self.value
            self.x.addgrad(self.grad * s * (1 - s))

User code does not change; edf_digits.py is some:

    x, y = edf.Input(), edf.Input()
    W, b = edf.Parameter(W0), edf.Parameter(b0)
    loss = edf.CrossEntropyLoss(edf.Softmax(edf.Affine(W, b, x)), y)
    x.value, y.value = images, labels
    edf.Forward(); edf.Backward(loss); edf.UpdateParameters()
"""

import numpy as np

import ftrans as ft

components, parameters = [], []
learning_rate = 0.1


class Input:
    """A value from outside: `x.value = images`. After Backward, `x.grad` is the derivative of the loss by it."""

    def __init__(self, value=None):
        self.value, self.grad = value, None


class Parameter(Input):
    """A value that UpdateParameters changes."""

    def __init__(self, value):
        super().__init__(value)
        parameters.append(self)


class CompNode:
    """A value computed by `function` from the values of other nodes."""

    def __init__(self, *inputs):
        self.inputs, self.value, self.grad = inputs, None, None
        components.append(self)

    def forward(self):
        self.value, self.pullback = ft.vjp(self.function, *[node.value for node in self.inputs])

    def backward(self):
        for node, grad in zip(self.inputs, self.pullback(self.grad), strict=True):
            if grad.dtype != ft.float0:  # labels are integers and have no derivative
                node.grad = node.grad + grad


class Affine(CompNode):
    def function(self, W, b, x):
        return x @ W + b


class Sigmoid(CompNode):
    def function(self, x):
        return 1 / (1 + np.exp(-x))


class Softmax(CompNode):
    def function(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


class CrossEntropyLoss(CompNode):
    """The mean of -log p[label]."""

    def function(self, p, label):
        return -np.log(np.take_along_axis(p, np.expand_dims(label, -1), -1)).mean()


def Forward():
    """A value on every component, in the order in which they were made."""
    for node in components:
        node.forward()


def Backward(loss):
    """A gradient on every node, in the opposite order; where a value is used twice, both uses add to it."""
    for component in components:
        for node in (component, *component.inputs):
            node.grad = 0.0
    loss.grad = 1.0
    for node in reversed(components):
        node.backward()


def UpdateParameters(rate=None):
    """One step of gradient descent, as long as `edf.learning_rate` unless told otherwise."""
    for node in parameters:
        node.value = node.value - (learning_rate if rate is None else rate) * node.grad
