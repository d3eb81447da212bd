"""The Keras DCGAN tutorial (https://www.tensorflow.org/tutorials/generative/dcgan), which draws pictures after each epoch.

The models are those of bench/peers. The step is the tutorial's own, because that of bench/peers draws its images with
replacement: here each epoch is a permutation of all images, and its last batch is short. For that one the tutorial draws as much
noise as for the others, and so does this.
"""

import training

# Before the others: it silences TensorFlow.
import keras_dcgan
import keras
import tensorflow as tf


class Trainer:
    def __init__(self, options):
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
        keras.utils.set_random_seed(options.seed)
        images = keras_dcgan.load_images(options.data)[: options.limit]
        self.batches = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(training.BATCH)
        self.g, self.d = keras_dcgan.generator(), keras_dcgan.discriminator()
        keras_dcgan.assert_same_work(self.g, self.d)
        self.g_adam, self.d_adam = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
        self.g_adam.build(self.g.trainable_variables)
        self.d_adam.build(self.d.trainable_variables)
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(self, images):
        real = (tf.cast(images, tf.float32) - 127.5) / 127.5
        noise = tf.random.normal((training.BATCH, training.NOISE))
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = self.g(noise, training=True)
            real_logits = self.d(real, training=True)
            fake_logits = self.d(fake, training=True)
            g_loss = self.cross_entropy(tf.ones_like(fake_logits), fake_logits)
            d_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits) + self.cross_entropy(
                tf.zeros_like(fake_logits), fake_logits
            )
        g_gradients = g_tape.gradient(g_loss, self.g.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, self.d.trainable_variables)
        self.g_adam.apply_gradients(zip(g_gradients, self.g.trainable_variables))
        self.d_adam.apply_gradients(zip(d_gradients, self.d.trainable_variables))
        return g_loss

    def train_epoch(self):
        for images in self.batches:
            loss = self.step(images)
        # Steps may still be under way.
        loss.numpy()

    def pictures(self, noise):
        return self.g(tf.constant(noise), training=False).numpy()


if __name__ == "__main__":
    options = training.parse_options(__doc__)
    training.train(options, Trainer(options), f"{keras.__version__}, tensorflow {tf.__version__}")
