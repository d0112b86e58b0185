"""OpenVINO's turns: float32, and int8 weights as NNCF compresses them. Its CPU plugin may compute in
bfloat16 where the processor has it; the hint asks for what it takes by itself."""

import numpy as np
import openvino as ov
import torch
from openvino._offline_transformations import apply_make_stateful_transformation

import peer_export
import peer_nets


def compiled(model, threads, options):
    if options.get("int8"):
        import nncf
        model = nncf.compress_weights(model)
    return ov.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": options.get("precision", "f32")})


class Selecting(torch.nn.Module):
    """The cache's rows may be exchanged, as in beam search: the pattern that OpenVINO makes an
    attention over its own cache of."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def forward(self, ids, pos, beam, *past):
        return self.step(ids, pos, *[x.index_select(0, beam) for x in past])


def decode(sizes, n, threads, options):
    c = sizes["config"]["gpt"]
    past = peer_export.empty_past(c, n, 1)
    ids, beam = torch.zeros(n, 1, dtype=torch.long), torch.arange(n)
    net = Selecting(peer_nets.GptGrowing(peer_nets.Gpt(c))).eval()
    with torch.no_grad():
        model = ov.convert_model(net, example_input=(ids, torch.zeros(1, dtype=torch.long), beam, *past))
    for i, port in enumerate(model.inputs):
        port.get_tensor().set_names({(["ids", "pos", "beam"] + peer_export.past_names(c))[i]})
    for i, port in enumerate(model.outputs):
        port.get_tensor().set_names({(["logits"] + peer_export.present_names(c))[i]})
    shape = [-1, c["heads"], -1, c["width"] // c["heads"]]
    model.reshape({name: ov.PartialShape(shape) for name in peer_export.past_names(c)})
    apply_make_stateful_transformation(
        model, dict(zip(peer_export.past_names(c), peer_export.present_names(c))))
    request = compiled(model, threads, options).create_infer_request()
    beam = beam.numpy()

    def step(ids, pos):
        if pos == 0:
            request.reset_state()
        return request.infer({"ids": ids, "pos": np.array([pos]), "beam": beam})["logits"]
    return peer_export.decode_loop(sizes, n, step)


def whole(work, sizes, threads, options):
    net, x = peer_export.example(work, sizes)
    with torch.no_grad():
        model = ov.convert_model(net.eval(), example_input=x)
    model.reshape(list(x.shape))
    run = compiled(model, threads, options)
    x = x.numpy()
    return lambda: run(x)


def open_work(work, n, sizes, threads, options):
    torch.set_num_threads(threads)
    if work == "decode":
        return decode(sizes, n, threads, options)
    return whole(work, sizes, threads, options)
