"""The networks as ONNX, and the loop of decoding over a step whose cache grows: for ONNX Runtime and
OpenVINO, which are given the same graphs."""
import torch

import peer_nets
import peer_torch


def export(net, inputs, path, **more):
    with torch.no_grad():
        torch.onnx.export(net.eval(), inputs, path, dynamo=False, opset_version=18, **more)
    return path


def past_names(c):
    return [f"past_{i}" for i in range(2 * c["layers"])]


def present_names(c):
    return [f"present_{i}" for i in range(2 * c["layers"])]


def empty_past(c, n, length=0):
    return [torch.zeros(n, c["heads"], length, c["width"] // c["heads"])
            for _ in range(2 * c["layers"])]


def export_step(sizes, n, path):
    c = sizes["config"]["gpt"]
    inputs = (torch.zeros(n, 1, dtype=torch.long), torch.zeros(1, dtype=torch.long),
              *empty_past(c, n, 1))
    names = past_names(c)
    return export(peer_nets.GptGrowing(peer_nets.Gpt(c)), inputs, path,
                  input_names=["ids", "pos", *names], output_names=["logits", *present_names(c)],
                  dynamic_axes={name: {2: "t"} for name in names} |
                  {name: {2: "t1"} for name in present_names(c)})


def decode_loop(sizes, n, step):
    """step(ids, pos) -> logits, numpy; keeps the cache itself"""
    c, sampling = sizes["config"]["gpt"], sizes["config"]["sampling"]

    def run():
        ids = torch.zeros(n, 1, dtype=torch.long)
        for pos in range(c["tokens"]):
            logits = step(ids.numpy(), pos)
            ids = peer_torch.draw(torch.from_numpy(logits), sampling)
    return run


def example(work, sizes):
    """-> network, its input"""
    c = sizes["config"]
    if work == "vqgan_decode":
        tokens = torch.arange(c["gpt"]["tokens"])[None] * 7919 % c["gpt"]["vocab"]
        return peer_nets.Decoder(peer_nets.Vqgan(c["vqgan"])), tokens
    if work == "clip_text":
        ids = torch.arange(c["clip"]["text"]["context"])[None] * 7919 % c["clip"]["text"]["vocab"]
        return peer_nets.ClipText(c["clip"]), ids
    side = c["clip"]["image"]["size"]
    return peer_nets.ClipImage(c["clip"]), torch.rand(1, 3, side, side)
