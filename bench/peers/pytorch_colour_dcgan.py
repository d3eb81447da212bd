"""The training step of bench/peers/colour-dcgan.ts in PyTorch: prints a JSON line with the images per second of a block of steps.

    python3 bench/peers/pytorch_colour_dcgan.py --batch 64 --threads 1

The same networks, losses, optimizers and batch; what is said in pytorch_dcgan.py of malloc and of one forward pass for both
gradients holds here, too. Images are random pixels, which cost the same. oneDNN works in channels_last, the fastest of what
was tried there for networks of many channels.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

SIDE = 64
NOISE = 100
IMAGES = 2048
SLOPE = 0.2
ADAM = {"lr": 1e-4, "betas": (0.9, 0.999), "eps": 1e-7}


class AsImage(nn.Module):
    """[B, 4*4*512] to [B, 512, 4, 4]: channels last, nothing has to be moved."""

    def forward(self, x):
        return x.view(-1, 4, 4, 512).permute(0, 3, 1, 2)


def generator():
    norm = {"momentum": 0.01, "eps": 1e-3}

    def up(channels_in, channels_out, bias=False):
        return nn.ConvTranspose2d(channels_in, channels_out, 4, 2, padding=1, bias=bias)

    return nn.Sequential(
        nn.Linear(NOISE, 4 * 4 * 512, bias=False),
        nn.BatchNorm1d(4 * 4 * 512, **norm),
        nn.ReLU(inplace=True),
        AsImage(),
        up(512, 256),
        nn.BatchNorm2d(256, **norm),
        nn.ReLU(inplace=True),
        up(256, 128),
        nn.BatchNorm2d(128, **norm),
        nn.ReLU(inplace=True),
        up(128, 64),
        nn.BatchNorm2d(64, **norm),
        nn.ReLU(inplace=True),
        up(64, 3, bias=True),
        nn.Tanh(),
    )


def discriminator():
    widths = (3, 64, 128, 256, 512)
    layers = []
    for channels_in, channels_out in zip(widths, widths[1:]):
        layers += [nn.Conv2d(channels_in, channels_out, 4, 2, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 4 * 512, 1))


class Trainer:
    def __init__(self, batch, channels_last):
        torch.manual_seed(0)
        self.batch = batch
        self.images = torch.randint(256, (IMAGES, 3, SIDE, SIDE), dtype=torch.uint8)
        self.g, self.d = generator(), discriminator()
        if channels_last:
            self.images = self.images.contiguous(memory_format=torch.channels_last)
            self.g.to(memory_format=torch.channels_last)
            self.d.to(memory_format=torch.channels_last)
        self.g_parameters, self.d_parameters = list(self.g.parameters()), list(self.d.parameters())
        self.adams = [torch.optim.Adam(each, **ADAM, fused=True) for each in (self.g_parameters, self.d_parameters)]

    def step(self):
        real = self.images[torch.randint(IMAGES, (self.batch,))].float().sub_(127.5).div_(127.5)
        fake_logits = self.d(self.g(torch.randn(self.batch, NOISE)))
        real_logits = self.d(real)
        bce = F.binary_cross_entropy_with_logits
        ones = torch.ones_like(real_logits)
        g_loss = bce(fake_logits, ones)
        d_loss = bce(real_logits, ones) + bce(fake_logits, torch.zeros_like(fake_logits))
        for adam in self.adams:
            adam.zero_grad(set_to_none=True)
        # Each pass computes the gradients of its own model only.
        g_loss.backward(inputs=self.g_parameters, retain_graph=True)
        d_loss.backward(inputs=self.d_parameters)
        for adam in self.adams:
            adam.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64, help="images per step (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="that are measured (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before (default: %(default)s)")
    parser.add_argument("--channels-first", action="store_true", help="the other order in memory")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    trainer = Trainer(options.batch, not options.channels_first)
    for _ in range(options.warm_up):
        trainer.step()
    begin = time.perf_counter()
    for _ in range(options.steps):
        trainer.step()
    rate = options.batch * options.steps / (time.perf_counter() - begin)
    print(json.dumps({"peer": "pytorch", "version": torch.__version__, "imagesPerSecond": rate}))


if __name__ == "__main__":
    main()
