"""The training step of Gantry in Keras, for comparison: prints one JSON line with the images per second of a block of steps.

    python3 bench/peers/keras_dcgan.py --batch 256 --threads 2

Models, losses, optimizers and step are those of the Keras DCGAN tutorial: the step is one tf.function that draws its
noise and dropout. Compiling it by XLA was tried and made it ten times slower.
"""

import argparse
import gzip
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SIDE = 28
NOISE = 100
SLOPE = 0.3
IDX_HEADER_BYTES = 16


def generator():
    def up(channels, stride, **options):
        return layers.Conv2DTranspose(channels, 5, strides=stride, padding="same", use_bias=False, **options)

    return keras.Sequential(
        [
            layers.Input((NOISE,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=SLOPE),
            layers.Reshape((7, 7, 256)),
            up(128, 1),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=SLOPE),
            up(64, 2),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=SLOPE),
            up(1, 2, activation="tanh"),
        ]
    )


def discriminator():
    return keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(64, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=SLOPE),
            layers.Dropout(0.3),
            layers.Conv2D(128, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=SLOPE),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def assert_same_work(g, d):
    """The parameters and the shapes that Gantry's models have."""
    for model, count in ((g, 2_305_472), (d, 212_865)):
        assert sum(int(tf.size(weight)) for weight in model.trainable_weights) == count
    shapes = [layer.output.shape[1:] for layer in [*g.layers, *d.layers] if layer.weights and "norm" not in layer.name]
    assert shapes == [(12544,), (7, 7, 128), (14, 14, 64), (28, 28, 1), (14, 14, 64), (7, 7, 128), (1,)], shapes


def load_images(path):
    """uint8 [N, 28, 28, 1] of MNIST's IDX file, or random pixels without one: they cost the same."""
    if not path:
        return tf.constant(np.random.default_rng(0).integers(256, size=(60_000, SIDE, SIDE, 1), dtype=np.uint8))
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        return tf.constant(np.frombuffer(file.read(), np.uint8, offset=IDX_HEADER_BYTES).reshape(-1, SIDE, SIDE, 1))


def training_step(batch, images):
    g, d = generator(), discriminator()
    assert_same_work(g, d)
    g_adam, d_adam = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
    g_adam.build(g.trainable_variables)
    d_adam.build(d.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step():
        index = tf.random.uniform((batch,), maxval=len(images), dtype=tf.int32)
        real = (tf.cast(tf.gather(images, index), tf.float32) - 127.5) / 127.5
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = g(tf.random.normal((batch, NOISE)), training=True)
            real_logits = d(real, training=True)
            fake_logits = d(fake, training=True)
            g_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            d_loss = cross_entropy(tf.ones_like(real_logits), real_logits) + cross_entropy(
                tf.zeros_like(fake_logits), fake_logits
            )
        g_gradients = g_tape.gradient(g_loss, g.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, d.trainable_variables)
        g_adam.apply_gradients(zip(g_gradients, g.trainable_variables))
        d_adam.apply_gradients(zip(d_gradients, d.trainable_variables))
        return g_loss

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256, help="images per step (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of an operation, and operations at a time (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="that are measured (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before (default: %(default)s)")
    parser.add_argument("--data", help="MNIST's train-images-idx3-ubyte; random pixels without it")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    step = training_step(options.batch, load_images(options.data))
    for _ in range(options.warm_up):
        step().numpy()
    begin = time.perf_counter()
    for _ in range(options.steps):
        loss = step()
    loss.numpy()
    seconds = time.perf_counter() - begin
    settings = {name: getattr(options, name) for name in ("batch", "threads", "steps")}
    rate = options.batch * options.steps / seconds
    version = f"{keras.__version__}, tensorflow {tf.__version__}"
    print(json.dumps({"peer": "keras", "version": version, **settings, "imagesPerSecond": rate}))


if __name__ == "__main__":
    main()
