"""Importing this has `transformers` keep keys and values in half precision, as we do: rounded when
they are stored, and computed with in float32."""

import torch
from transformers import cache_utils


def rounding(update):
    def rounded(self, keys, values, *rest, **named):
        return update(self, keys.half().float(), values.half().float(), *rest, **named)
    return rounded


for layer in (cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer):
    layer.update = rounding(layer.update)
