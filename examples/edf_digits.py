"""User code for EDF as it always was: a network that reads digits, with the gradients of the hand-written backward methods.

    the original                                              here
    import edf                                                import edf
    h = edf.Sigmoid(edf.Affine(W1, b1, x))                    h = edf.Sigmoid(edf.Affine(W1, b1, x))
    loss = edf.CrossEntropyLoss(p, y)                         loss = edf.CrossEntropyLoss(p, y)
    edf.Forward()                                             edf.Forward()
    edf.Backward(loss)                                        edf.Backward(loss)
    edf.UpdateParameters()                                    edf.UpdateParameters()

Not a line differs: what has become shorter is the framework, edf.py.
"""

from pathlib import Path

import edf
import numpy as np
from sklearn.datasets import load_digits
from worked_numbers import folder

import ftrans as ft


def network(rng, inputs=64, hidden=32, classes=10):
    """The nodes of a network with one hidden layer, by name. EDF has one graph at a time."""
    edf.components.clear()
    edf.parameters.clear()
    x, y = edf.Input(), edf.Input()
    W1, b1 = edf.Parameter(rng.normal(0, inputs**-0.5, (inputs, hidden))), edf.Parameter(np.zeros(hidden))
    W2, b2 = edf.Parameter(rng.normal(0, hidden**-0.5, (hidden, classes))), edf.Parameter(np.zeros(classes))
    h = edf.Sigmoid(edf.Affine(W1, b1, x))
    p = edf.Softmax(edf.Affine(W2, b2, h))
    loss = edf.CrossEntropyLoss(p, y)
    return {"x": x, "y": y, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "h": h, "p": p, "loss": loss}


def gradients_by_hand(net):
    """What the backward methods of the original compute, from the values on the nodes."""
    x, y, h, p, W1, W2 = [net[name].value for name in ["x", "y", "h", "p", "W1", "W2"]]
    one = np.eye(p.shape[-1])[y]
    dz2 = (p - one) / len(y)
    dh = dz2 @ W2.T
    dz1 = dh * h * (1 - h)
    grads = {"W2": h.T @ dz2, "b2": dz2.sum(axis=0), "W1": x.T @ dz1, "b1": dz1.sum(axis=0)}
    return grads | {"x": dz1 @ W1.T, "h": dh, "p": -one / p / len(y)}


def as_function(net):
    """The graph as a function of its parameters, to draw it: all of EDF can be traced. It leaves its arguments on the nodes."""

    def loss(params, images, labels):
        for node, value in zip(edf.parameters, params, strict=True):
            node.value = value
        net["x"].value, net["y"].value = images, labels
        edf.Forward()
        return net["loss"].value

    return loss


def main(out: Path, steps=2000) -> dict:
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    train, test = np.split(rng.permutation(len(labels)), [1400])
    images /= 16
    net = network(rng)
    loss = net["loss"]
    edf.learning_rate = 0.5
    for step in range(steps):
        batch = rng.choice(train, 50)
        net["x"].value, net["y"].value = images[batch], labels[batch]
        edf.Forward()
        edf.Backward(loss)
        edf.UpdateParameters()
        if step % 500 == 0:
            print(f"step {step:4}   loss {loss.value:.3f}")

    edf.Forward()
    edf.Backward(loss)
    for name, by_hand in gradients_by_hand(net).items():
        assert np.allclose(net[name].grad, by_hand, rtol=1e-9, atol=1e-12), name

    net["x"].value, net["y"].value = images[test], labels[test]
    edf.Forward()
    accuracy = np.mean(net["p"].value.argmax(axis=-1) == labels[test])
    print(f"gradients as by hand; {accuracy:.1%} of {len(test)} test digits read correctly")
    params = [node.value for node in edf.parameters]
    ft.draw(as_function(net), direction="down", unfold="for node in components")(params, images[:5], labels[:5]).save(
        out / "edf.svg"
    )
    return {"accuracy": accuracy}


if __name__ == "__main__":
    main(folder())
