"""The training step of Gantry in PyTorch, for comparison: prints a JSON line with the images per second of a block of steps.

    python3 bench/peers/pytorch_dcgan.py --batch 64 --threads 1               one process
    python3 bench/peers/pytorch_dcgan.py --batch 256 --threads 1 --ranks 2    two processes, DistributedDataParallel with gloo
    python3 bench/peers/pytorch_dcgan.py --batch 256 1024 --device cuda       a GPU, one line for each size

The same models, losses and optimizers as the Keras DCGAN tutorial: one forward pass of the generator serves both
gradients, and noise and dropout are drawn in the step. Differences that cost nothing: layers with stride 2 pad as if
images and kernels were mirrored (TensorFlow puts the odd row at the end), and Adam adds epsilon after the bias correction.

The defaults are what was fastest on a CPU with AVX-512. Tried and slower: torch.compile (half as fast), real and fake
images in one batch, nn.Dropout, all of it or nothing in channels_last. malloc is to be told by the environment to keep
its memory: MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1073741824.
"""

import argparse
import gzip
import json
import os
import socket
import time

import torch
import torch._functorch.config
import torch.nn.functional as F
from torch import nn

SIDE = 28
NOISE = 100
SLOPE = 0.3
ADAM = {"lr": 1e-4, "betas": (0.9, 0.999), "eps": 1e-7}
IDX_HEADER_BYTES = 16


class AsImage(nn.Module):
    """[B, 7*7*256] to [B, 256, 7, 7]: in TensorFlow's order, channels last, nothing has to be moved."""

    def forward(self, x):
        return x.view(-1, 7, 7, 256).permute(0, 3, 1, 2)


class Dropout(nn.Module):
    """What nn.Dropout(0.3) does: that draws its mask by Bernoulli trials, which take four times as long on some CPUs."""

    KEPT = 0.7

    def forward(self, x):
        return x * torch.rand_like(x).lt_(self.KEPT).div_(self.KEPT)


def generator():
    def up(channels_in, channels_out, stride):
        """Output sides are exactly `stride` times the input's."""
        return nn.ConvTranspose2d(
            channels_in, channels_out, 5, stride, padding=2, output_padding=stride - 1, bias=False
        )

    norm = {"momentum": 0.01, "eps": 1e-3}  # Keras counts the momentum from the other end: 0.99
    return nn.Sequential(
        nn.Linear(NOISE, 7 * 7 * 256, bias=False),
        nn.BatchNorm1d(7 * 7 * 256, **norm),
        nn.LeakyReLU(SLOPE, inplace=True),
        AsImage(),
        up(256, 128, 1),
        nn.BatchNorm2d(128, **norm),
        nn.LeakyReLU(SLOPE, inplace=True),
        up(128, 64, 2),
        nn.BatchNorm2d(64, **norm),
        nn.LeakyReLU(SLOPE, inplace=True),
        up(64, 1, 2),
        nn.Tanh(),
    )


def discriminator():
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, padding=2),
        nn.LeakyReLU(SLOPE, inplace=True),
        Dropout(),
        nn.Conv2d(64, 128, 5, 2, padding=2),
        nn.LeakyReLU(SLOPE, inplace=True),
        Dropout(),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )


def initialize(module):
    """As Keras does: Glorot-uniform kernels, zero biases."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def assert_same_work(g, d):
    """The parameters and the shapes that Gantry's models have."""
    assert sum(p.numel() for p in g.parameters()) == 2_305_472
    assert sum(p.numel() for p in d.parameters()) == 212_865
    shapes = []
    hooks = [
        layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
        for layer in [*g, *d]
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))
    ]
    with torch.no_grad():
        d(g.eval()(torch.randn(2, NOISE)))
    for hook in hooks:
        hook.remove()
    assert shapes == [(12544,), (128, 7, 7), (64, 14, 14), (1, 28, 28), (64, 14, 14), (128, 7, 7), (1,)], shapes
    g.train()


def load_images(path):
    """uint8 [N, 1, 28, 28] of MNIST's IDX file, or random pixels without one: they cost the same."""
    if not path:
        return torch.randint(256, (60_000, 1, SIDE, SIDE), dtype=torch.uint8)
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        pixels = bytearray(file.read())
    return torch.frombuffer(pixels, dtype=torch.uint8, offset=IDX_HEADER_BYTES).view(-1, 1, SIDE, SIDE)


class Trainer:
    """One process's part of the training; its gradients are averaged over all processes, where there are more."""

    def __init__(self, options, batch, rank):
        torch.manual_seed(rank)
        self.device = torch.device(options.device)
        self.images = load_images(options.data).to(self.device)
        self.batch = batch // options.ranks
        g, d = generator().apply(initialize), discriminator().apply(initialize)
        assert_same_work(g, d)
        g.to(self.device)
        d.to(self.device)
        if options.channels_last != "none":
            g.to(memory_format=torch.channels_last)
        if options.channels_last == "both":
            d.to(memory_format=torch.channels_last)
        kind = {"fused": True} if options.adam == "fused" else {"foreach": options.adam == "foreach"}
        if options.graph:
            kind["capturable"] = True
        self.g_adam, self.d_adam = (torch.optim.Adam(model.parameters(), **ADAM, **kind) for model in (g, d))
        self.g_parameters, self.d_parameters = list(g.parameters()), list(d.parameters())
        self.g, self.d = g, d
        if options.ranks > 1:
            # Batch-norm statistics stay each process's own, as they are each shard's own with Gantry.
            wrap = {"forward_sync_buffers": False, "gradient_as_bucket_view": True}
            self.g, self.d = (nn.parallel.DistributedDataParallel(model, **wrap) for model in (g, d))

        self.step = self.eager_step
        if options.compile:
            torch._dynamo.reset()
            # Two backward passes go through one graph.
            torch._functorch.config.donated_buffer = False
            self.losses = torch.compile(self.losses, dynamic=False)
        if options.graph:
            self.step = self.captured_step()

    def captured_step(self):
        """The step as a CUDA graph, after some runs on a side stream, as PyTorch's documentation has it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.eager_step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.eager_step()
        return graph.replay

    def losses(self):
        index = torch.randint(len(self.images), (self.batch,), device=self.device)
        real = self.images[index].float().sub_(127.5).div_(127.5)
        fake = self.g(torch.randn(self.batch, NOISE, device=self.device))
        fake_logits = self.d(fake)
        real_logits = self.d(real)
        bce = F.binary_cross_entropy_with_logits
        ones = torch.ones_like(real_logits)
        g_loss = bce(fake_logits, ones)
        d_loss = bce(real_logits, ones) + bce(fake_logits, torch.zeros_like(fake_logits))
        return g_loss, d_loss

    def eager_step(self):
        g_loss, d_loss = self.losses()
        self.g_adam.zero_grad(set_to_none=True)
        self.d_adam.zero_grad(set_to_none=True)
        # Each pass computes the gradients of its own model only.
        g_loss.backward(inputs=self.g_parameters, retain_graph=True)
        d_loss.backward(inputs=self.d_parameters)
        self.g_adam.step()
        self.d_adam.step()


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(rank, options, port):
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    torch.backends.cuda.matmul.allow_tf32 = options.tf32
    torch.backends.cudnn.allow_tf32 = options.tf32
    torch.backends.cudnn.benchmark = True
    if options.ranks > 1:
        address = f"tcp://127.0.0.1:{port}"
        torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=options.ranks)
    for batch in options.batch:
        trainer = Trainer(options, batch, rank)
        for _ in range(options.warm_up):
            trainer.step()
        synchronize(options.device)
        begin = time.perf_counter()
        for _ in range(options.steps):
            trainer.step()
        synchronize(options.device)
        rate = batch * options.steps / (time.perf_counter() - begin)
        if rank == 0:
            settings = {name: getattr(options, name) for name in ("threads", "ranks", "steps")}
            result = {"batch": batch, **settings, "imagesPerSecond": rate}
            print(json.dumps({"peer": "pytorch", "version": torch.__version__, **result}), flush=True)
    if options.ranks > 1:
        torch.distributed.destroy_process_group()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[256], help="images per step over all ranks (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s)")
    parser.add_argument("--tf32", action="store_true", help="products with 10 bits of each factor, on a GPU")
    parser.add_argument("--graph", action="store_true", help="the step as a CUDA graph")
    parser.add_argument("--compile", action="store_true", help="both forward passes by torch.compile")
    parser.add_argument("--threads", type=int, default=1, help="of each rank (default: %(default)s)")
    parser.add_argument("--ranks", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="that are measured (default: %(default)s)")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before (default: %(default)s)")
    parser.add_argument("--data", help="MNIST's train-images-idx3-ubyte; random pixels without it")
    parser.add_argument("--adam", choices=("fused", "foreach", "loop"), default="fused", help="(default: %(default)s)")
    parser.add_argument(
        "--channels-last", choices=("none", "generator", "both"), default="generator", help="(default: %(default)s)"
    )
    options = parser.parse_args()
    if any(batch % options.ranks for batch in options.batch):
        parser.error("--batch has to be a multiple of --ranks")
    # Without it, gloo may look for an address by the machine's name.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if options.ranks == 1:
        measure(0, options, None)
    else:
        torch.multiprocessing.spawn(measure, (options, free_port()), options.ranks)


if __name__ == "__main__":
    main()
