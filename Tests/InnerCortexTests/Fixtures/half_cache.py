"""With this `transformers` keeps keys and values as we do: of checkpoints with 16 bits a weight in half
precision, rounded when they are stored and computed with in float32; of others as they are."""

import contextlib

from transformers import cache_utils


@contextlib.contextmanager
def rounding():
    """Half precision, within this."""
    layers = (cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer)
    plain = [layer.update for layer in layers]

    def rounded(update):
        return lambda self, keys, values, *rest, **named: update(
            self, keys.half().float(), values.half().float(), *rest, **named)
    for layer, update in zip(layers, plain):
        layer.update = rounded(update)
    try:
        yield
    finally:
        for layer, update in zip(layers, plain):
            layer.update = update


def of(dtype):
    """For a checkpoint of weights of `dtype`."""
    return rounding() if dtype.itemsize == 2 else contextlib.nullcontext()
