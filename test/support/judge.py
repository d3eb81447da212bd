"""The figures of `gantry evaluate` from the features that it exports, by numpy and scipy: python3 judge.py FOLDER"""

import json
import sys

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import softmax


def load(name):
    return np.load(f"{sys.argv[1]}/{name}.npy").astype(np.float64)


def frechet(a, b):
    covariances = [np.cov(x, rowvar=False) for x in (a, b)]
    root = sqrtm(covariances[0] @ covariances[1])
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root.real)


def radii(x, k=3):
    # The nearest is the row itself.
    return np.partition(cdist(x, x), k, axis=1)[:, k]


def judge(real, seen, logits):
    p = softmax(logits, axis=1)
    mean = p.mean(0)
    shares = np.bincount(p.argmax(1), minlength=10) / len(p)
    some = shares[shares > 0]
    distances = cdist(real, seen)
    return {
        "frechetDistance": frechet(real, seen),
        "score": np.exp(np.mean(np.sum(p * (np.log(p + 1e-300) - np.log(mean)), axis=1))),
        "classEntropy": -np.sum(some * np.log(some)) / np.log(10),
        "precision": np.mean((distances <= radii(real)[:, None]).any(0)),
        "recall": np.mean((distances <= radii(seen)[None, :]).any(1)),
    }


print(json.dumps(judge(load("real-features"), load("draw-0-features"), load("draw-0-logits"))))
