"""What the references share: epochs over the images, pictures after each, and one JSON line at the end.

The options are the same for both: `python3 keras_training.py --help`.
"""

import argparse
import json
import os
import sys
import time

import numpy as np

# The models are those whose speed `npm run bench:peers` measures.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))

BATCH = 256
NOISE = 100
SIDE = 28
# Pictures at a time.
DRAWN = 500


def parse_options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="MNIST's train-images-idx3-ubyte")
    parser.add_argument("--out", required=True, help="folder for epoch-0001.npy, uint8 [samples, 28, 28], and so on")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True, help="of all but the pictures")
    parser.add_argument("--limit", type=int, required=True, help="images used, from the first")
    parser.add_argument("--samples", type=int, required=True, help="pictures after each epoch")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def pixels(pictures):
    """[-1, 1] to bytes, rounded as `gantry generate` does: halves up."""
    return np.floor(pictures.astype(np.float64) * 127.5 + 128).astype(np.uint8).reshape(-1, SIDE, SIDE)


def train(options, trainer, version):
    """Trains all epochs. The time to draw pictures does not count, that to trace or compile does.

    `trainer.train_epoch()` trains on each image once; `trainer.pictures(noise)` draws in inference mode, by the moving
    statistics, what [n, 100] stands for, as [-1, 1] in any shape of n * 28 * 28 numbers.
    """
    # The same noise after each epoch, as `gantry evaluate` has it.
    noise = np.random.default_rng(0).standard_normal((options.samples, NOISE), dtype=np.float32)
    seconds = 0.0
    for epoch in range(1, options.epochs + 1):
        begin = time.perf_counter()
        trainer.train_epoch()
        seconds += time.perf_counter() - begin
        parts = [pixels(trainer.pictures(noise[first : first + DRAWN])) for first in range(0, len(noise), DRAWN)]
        np.save(os.path.join(options.out, f"epoch-{epoch:04}.npy"), np.concatenate(parts))
        print(f"epoch {epoch}/{options.epochs}: {seconds:.1f} s so far", file=sys.stderr, flush=True)
    print(json.dumps({"version": version, "seconds": seconds}))
