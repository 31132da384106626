# SPDX-License-Identifier: Apache-2.0
"""Test matrices that Python and Swift make alike, bit for bit, from a seed: see OracleMatrix.swift."""
import numpy as np

M64 = (1 << 64) - 1


def mix(word):
    """SplitMix64's output function over arrays of uint64."""
    with np.errstate(over="ignore"):
        z = word + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def unit(seed, row, count):
    """`count` numbers on [-0.5, 0.5) with 24 bits each."""
    index = np.arange(count, dtype=np.uint64) + np.uint64((row << 32) & M64)
    word = mix(mix(index) ^ np.uint64(seed))
    return (word >> np.uint64(40)).astype(np.float64) / 2.0**24 - 0.5


def matrix(seed, n, d, family, f):
    """n updates of d coordinates as float64 values that are exactly float32 values.

    plain: independent; shifted: around a common vector; byzantine: the last f rows 64 times larger;
    opposed: small noise around a common vector, the last f rows near -4 times that vector.
    """
    x = np.stack([unit(seed, i, d) for i in range(n)])
    common = unit(seed, 1 << 20, d)
    if family == "shifted":
        x = x + 4 * common
    elif family == "byzantine":
        x[n - f:] *= 64
        x = x + common
    elif family == "opposed":
        x = x / 16 + common
        x[n - f:] -= 5 * common
    return x.astype(np.float32).astype(np.float64)


def weights(seed, n):
    """Positive whole numbers from 1 to 1000."""
    word = mix(mix(np.arange(n, dtype=np.uint64)) ^ np.uint64(seed + 77))
    return (word % np.uint64(1000)).astype(np.float64) + 1


def digest(values, seed):
    """A short vector that says what `values` is: itself when short, else samples and random projections."""
    d = len(values)
    if d <= 16:
        return [float(v) for v in values]
    samples = [float(values[(k * d) // 8]) for k in range(8)]
    signs = [np.where(unit(seed, (1 << 21) + k, d) < 0, -1.0, 1.0) for k in range(3)]
    return samples + [float(np.dot(s, values)) / np.sqrt(d) for s in signs]
