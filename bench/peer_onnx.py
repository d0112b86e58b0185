"""ONNX Runtime's turns: float32, and int8 by its dynamic quantisation."""
import os
import tempfile

import numpy as np
import onnxruntime as ort
import torch

import peer_export


def session(path, threads, options):
    if options.get("int8"):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        quantize_dynamic(path, path + ".int8", weight_type=QuantType.QInt8)
        path += ".int8"
    o = ort.SessionOptions()
    o.intra_op_num_threads = threads
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])


def decode(sizes, n, folder, threads, options):
    c = sizes["config"]["gpt"]
    s = session(peer_export.export_step(sizes, n, os.path.join(folder, "step.onnx")), threads,
                options)
    names, outputs = peer_export.past_names(c), ["logits", *peer_export.present_names(c)]
    value = ort.OrtValue.ortvalue_from_numpy
    past = []

    def step(ids, pos):
        nonlocal past
        if pos == 0:
            past = [value(x.numpy()) for x in peer_export.empty_past(c, n)]
        feed = {"ids": value(ids), "pos": value(np.array([pos])), **dict(zip(names, past))}
        logits, *past = s.run_with_ort_values(outputs, feed)
        return logits.numpy()
    return peer_export.decode_loop(sizes, n, step)


def whole(work, sizes, folder, threads, options):
    net, x = peer_export.example(work, sizes)
    s = session(peer_export.export(net, (x,), os.path.join(folder, "net.onnx"), input_names=["x"]),
                threads, options)
    feed = {"x": x.numpy()}
    return lambda: s.run(None, feed)


def open_work(work, n, sizes, threads, options):
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        if work == "decode":
            return decode(sizes, n, folder, threads, options)
        return whole(work, sizes, folder, threads, options)
