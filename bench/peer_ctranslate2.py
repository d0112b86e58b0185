"""CTranslate2's turns: its own GPT-2 decoder, float32 or int8."""
import tempfile

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec


def random(*shape):
    return (np.random.default_rng(1).standard_normal(shape, np.float32) * 0.02)


def fill_linear(spec, width, inputs):
    spec.weight, spec.bias = random(width, inputs), np.zeros(width, np.float32)


def fill_norm(spec, width):
    spec.gamma, spec.beta = np.ones(width, np.float32), np.zeros(width, np.float32)


def fill_layer(spec, width):
    fill_norm(spec.self_attention.layer_norm, width)
    fill_linear(spec.self_attention.linear[0], 3 * width, width)
    fill_linear(spec.self_attention.linear[1], width, width)
    fill_norm(spec.ffn.layer_norm, width)
    fill_linear(spec.ffn.linear_0, 4 * width, width)
    fill_linear(spec.ffn.linear_1, width, 4 * width)


def write_model(c, folder):
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        c["layers"], c["heads"], pre_norm=True, activation=common_spec.Activation.GELU)
    width = c["width"]
    spec.decoder.scale_embeddings = False
    spec.decoder.embeddings.weight = random(c["vocab"], width)
    spec.decoder.position_encodings.encodings = random(c["tokens"], width)
    fill_norm(spec.decoder.layer_norm, width)
    fill_linear(spec.decoder.projection, c["vocab"], width)
    for layer in spec.decoder.layer:
        fill_layer(layer, width)
    spec.register_vocabulary([f"<{i}>" for i in range(c["vocab"])])
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "<0>"
    spec.validate()
    spec.save(folder)


def open_work(work, n, sizes, threads, options):
    c, sampling = sizes["config"]["gpt"], sizes["config"]["sampling"]
    with tempfile.TemporaryDirectory() as folder:
        write_model(c, folder)
        generator = ctranslate2.Generator(
            folder, device="cpu", intra_threads=threads, inter_threads=1,
            compute_type=options["type"])
    start = [["<0>"]] * n

    def run():
        generator.generate_batch(
            start, max_length=c["tokens"] - 1, min_length=c["tokens"] - 1, sampling_topk=sampling["top_k"] or c["vocab"],
            sampling_topp=sampling["top_p"], sampling_temperature=sampling["temperature"],
            include_prompt_in_result=False, end_token=[])
    return run
