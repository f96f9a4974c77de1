"""What drivers of both kinds share: images and logits as an accelerator takes and gives them, errors, names."""

from __future__ import annotations

from typing import Any

import fsq_network as network
import numpy as np


class AcceleratorError(RuntimeError):
    """The accelerator is not the one that this driver was made for, or a job of it failed."""


class AcceleratorTimeout(AcceleratorError, TimeoutError):
    """A job did not end in time."""


def as_frames(images: Any) -> np.ndarray:
    """Images as uint8 [N, H, W, C]: those of that shape, or one of [H, W, C].

    Raises TypeError where they are not uint8, ValueError where the shape is another.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            f"images are {images.dtype}; give raw pixels, uint8 from 0 to 255, without any preprocessing"
        )
    shape = (network.HEIGHT, network.WIDTH, network.CHANNELS)
    if images.ndim == 3:
        images = images[np.newaxis]
    if images.ndim != 4 or images.shape[1:] != shape:
        hint = "; channels come last: images.transpose(0, 2, 3, 1)"
        first = shape[2:] + shape[:2]
        raise ValueError(
            f"images have shape {images.shape}; {network.NETWORK} takes (N, {', '.join(map(str, shape))})"
            + (hint if images.shape[-3:] == first else "")
        )
    return images


def values(logits: np.ndarray) -> np.ndarray:
    """What integer logits are worth, float64 of the same shape."""
    return (logits.astype(np.float64) - network.LOGIT_ZERO) * network.LOGIT_SCALE


def as_logits(words: np.ndarray) -> np.ndarray:
    """Words of 32 bits [N, >= classes] as the memory has them -> int32 [N, classes], uint32 of unsigned logits."""
    kind = np.int32 if network.LOGIT_SIGNED else np.uint32
    return np.array(words[:, : network.CLASSES]).view(kind)


def find_ip(
    ip_dict: dict[str, Any], name: str | None, parameter: str, what: str, types: tuple[str, ...]
) -> str:
    """The ip called ``name``; None: the only one whose type has one of ``types`` in it. Raises AcceleratorError."""
    if name is None:
        found = [key for key, entry in ip_dict.items() if any(one in entry.get("type", "") for one in types)]
        if len(found) == 1:
            return found[0]
        why = f"{len(found) or 'no'} ips that are {what}"
    elif name in ip_dict:
        return name
    else:
        why = f"no ip called {name}"
    raise AcceleratorError(
        f"the bitstream has {why}; give {parameter}, one of: {', '.join(ip_dict) or 'there is none'}"
    )
