"""AlexNet as a graph (Krizhevsky, Sutskever and Hinton, 2012): shapes and 62 million parameters, none of them allocated.

    in a framework, layer by layer                here
    nn.Conv2d(3, 96, 11, stride=4)                nn.Conv.init(rng, 3, 96, 11, strides=4)
    nn.MaxPool2d(3, 2)                            nn.MaxPool(3, 2)
    model = AlexNet()                             model = nn.shapes(alexnet)
    sum(p.numel() for p in model.parameters())    nn.count_parameters(model)
    model(torch.zeros(1, 3, 227, 227)).shape      ft.eval_shape(run, model, images)

Evaluation is abstract: arrays are replaced by their shape and dtype, operations by what they do to those. Local response
normalisation, which has no parameters and changes no shape, is left out.
"""

import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
from worked_numbers import WORKED, folder, report

import ftrans as ft
from ftrans import nn

NAME = "AlexNet"


def alexnet(rng, classes=1000, groups=1):
    """For images (batch, 3, 227, 227). The original had groups = 2 in convolutions 2, 4 and 5: one half on each GPU."""
    conv, dense = partial(nn.Conv.init, rng, dtype=np.float32), partial(nn.Linear.init, rng, dtype=np.float32)
    return nn.Sequential(
        conv(3, 96, 11, strides=4),
        nn.relu,
        nn.MaxPool(3, 2),
        conv(96, 256, 5, padding=2, groups=groups),
        nn.relu,
        nn.MaxPool(3, 2),
        conv(256, 384, 3, padding=1),
        nn.relu,
        conv(384, 384, 3, padding=1, groups=groups),
        nn.relu,
        conv(384, 256, 3, padding=1, groups=groups),
        nn.relu,
        nn.MaxPool(3, 2),
        nn.Flatten(),
        nn.Dropout(0.5),
        dense(256 * 6 * 6, 4096),
        nn.relu,
        nn.Dropout(0.5),
        dense(4096, 4096),
        nn.relu,
        dense(4096, classes),
        nn.softmax,
    )


def run(model, images):
    return model(images)


def loss(model, images, labels):
    return -np.log(model(images)[np.arange(len(labels)), labels]).mean()


def table(model, images):
    """The shape after every layer, and the layer's parameters."""
    rows = []
    for layer in model:
        images = ft.eval_shape(run, layer, images)
        rows.append((repr(layer), images.shape, nn.count_parameters(layer)))
    return rows


def main(out: Path) -> dict:
    (classes,) = WORKED[NAME].inputs.values()
    images = ft.ShapeDtypeStruct((128, 3, 227, 227), np.float32)
    labels = ft.ShapeDtypeStruct((128,), np.int64)

    tracemalloc.start()
    one, two = [nn.shapes(alexnet, classes, groups) for groups in (1, 2)]
    rows = table(one, images)
    gradients = ft.eval_shape(ft.grad(loss), one, images, labels)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    for name, shape, count in rows:
        print(f"{name.split('(')[0]:<10}{shape!s:<24}{count:>12,}")
    assert nn.count_parameters(gradients) == nn.count_parameters(one)
    assert most < 20e6, "the parameters alone would take 250 MB"
    print(f"at most {most / 1e6:.1f} MB of memory, the gradient's graph included")
    ft.draw(run, direction="down", unfold=())(one, images).save(out / "alexnet.svg")
    found = {"one group": nn.count_parameters(one), "two groups": nn.count_parameters(two)}
    return report(NAME, found) | {"rows": rows}


if __name__ == "__main__":
    main(folder())
