"""The Keras DCGAN tutorial in PyTorch, which draws pictures after each epoch.

Models and step are those of bench/peers, which tells how they differ from Keras. Two differences do not matter to speed, but to
pictures: the moving variance takes in variances without bias (n - 1), and for the short last batch of an epoch no more noise is
drawn than it has images, as Gantry does.
"""

import argparse

import training

import pytorch_dcgan
import torch

# What was fastest on a CPU.
AS_MEASURED = {
    "device": "cpu",
    "ranks": 1,
    "channels_last": "generator",
    "adam": "fused",
    "graph": False,
    "compile": False,
}


class EpochImages:
    """Takes the place of the tensor of all images: whichever indices the step draws, it gets the next images of the epoch."""

    def __init__(self, images):
        self.images = images
        self.batch = images[:0]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, _):
        return self.batch

    def batches(self):
        """Goes through an epoch: each batch is what the step gets, and its size is what this yields."""
        for index in torch.randperm(len(self.images)).split(training.BATCH):
            self.batch = self.images[index]
            yield len(index)


class Trainer(pytorch_dcgan.Trainer):
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        # It takes the number of its process as seed.
        super().__init__(argparse.Namespace(**vars(options), **AS_MEASURED), training.BATCH, options.seed)
        self.images = EpochImages(self.images[: options.limit])

    def train_epoch(self):
        for size in self.images.batches():
            self.batch = size
            self.step()

    @torch.no_grad()
    def pictures(self, noise):
        self.g.eval()
        drawn = self.g(torch.from_numpy(noise)).numpy()
        self.g.train()
        return drawn


if __name__ == "__main__":
    options = training.parse_options(__doc__)
    training.train(options, Trainer(options), torch.__version__)
