"""ggml's turns, through llama.cpp: a GPT-2 in GGUF, all sequences in one batch a step."""
import os
import tempfile

import gguf
import llama_cpp
import numpy as np


def write_model(c, path, kind):
    """kind: how matrices are stored; norms and biases are float32."""
    w = gguf.GGUFWriter(path, "gpt2")
    w.add_context_length(c["tokens"])
    w.add_embedding_length(c["width"])
    w.add_block_count(c["layers"])
    w.add_feed_forward_length(4 * c["width"])
    w.add_head_count(c["heads"])
    w.add_layer_norm_eps(1e-5)
    w.add_vocab_size(c["vocab"])
    w.add_tokenizer_model("no_vocab")
    random = np.random.default_rng(1)

    def matrix(name, rows, cols):
        x = random.standard_normal((rows, cols), np.float32) * 0.02
        w.add_tensor(name, gguf.quantize(x, kind), raw_dtype=kind)

    def vector(name, n, value):
        w.add_tensor(name, np.full(n, value, np.float32))

    def linear(name, rows, cols):
        matrix(name + ".weight", rows, cols)
        vector(name + ".bias", rows, 0)

    def norm(name):
        vector(name + ".weight", d, 1)
        vector(name + ".bias", d, 0)

    d = c["width"]
    matrix("token_embd.weight", c["vocab"], d)
    w.add_tensor("position_embd.weight", random.standard_normal((c["tokens"], d), np.float32) * 0.02)
    norm("output_norm")
    matrix("output.weight", c["vocab"], d)
    for i in range(c["layers"]):
        norm(f"blk.{i}.attn_norm")
        linear(f"blk.{i}.attn_qkv", 3 * d, d)
        linear(f"blk.{i}.attn_output", d, d)
        norm(f"blk.{i}.ffn_norm")
        linear(f"blk.{i}.ffn_up", 4 * d, d)
        linear(f"blk.{i}.ffn_down", d, 4 * d)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def open_model(c, n, threads, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gpt2.gguf")
        write_model(c, path, gguf.GGMLQuantizationType[kind])
        model = llama_cpp.llama_model_load_from_file(path.encode(),
                                                     llama_cpp.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp does not load the model")
    p = llama_cpp.llama_context_default_params()
    p.n_ctx, p.n_batch, p.n_ubatch, p.n_seq_max = n * c["tokens"], max(n, 32), max(n, 32), n
    p.n_threads = p.n_threads_batch = threads
    return model, llama_cpp.llama_init_from_model(model, p)


def sampler(sampling, seed):
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for one in (llama_cpp.llama_sampler_init_top_k(sampling["top_k"]),
                llama_cpp.llama_sampler_init_top_p(sampling["top_p"], 1),
                llama_cpp.llama_sampler_init_temp(sampling["temperature"]),
                llama_cpp.llama_sampler_init_dist(seed)):
        llama_cpp.llama_sampler_chain_add(chain, one)
    return chain


def fill(batch, ids, pos):
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, pos, 1
        batch.seq_id[i][0], batch.logits[i] = i, True


def open_work(work, n, sizes, threads, options):
    c, sampling = sizes["config"]["gpt"], sizes["config"]["sampling"]
    llama_cpp.llama_backend_init()
    model, context = open_model(c, n, threads, options["format"])
    chains = [sampler(sampling, i) for i in range(n)]
    batch = llama_cpp.llama_batch_init(max(n, 32), 0, 1)

    def run():
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        ids = [0] * n
        for pos in range(c["tokens"]):
            fill(batch, ids, pos)
            if llama_cpp.llama_decode(context, batch):
                raise RuntimeError(f"llama_decode failed at position {pos}")
            ids = [llama_cpp.llama_sampler_sample(chain, context, i) for i, chain in enumerate(chains)]
    return run
