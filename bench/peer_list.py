"""Who takes part in what."""
import collections
import re

# label; package: of PACKAGES; module: the file that opens the work; works: the rows of bench/run it is
# compared in, as a pattern; options: for the module
Peer = collections.namedtuple("Peer", "label package module works options")

PACKAGES = {
    "torch": ["torch", "numpy"],
    "onnxruntime": ["onnxruntime", "onnx", "onnxscript"],
    "openvino": ["openvino", "nncf"],
    "ctranslate2": ["ctranslate2"],
    "ggml": ["gguf", "llama-cpp-python"],
}
# Networks are exported from PyTorch.
NEEDS = {"onnxruntime": ["torch"], "openvino": ["torch"], "ctranslate2": [], "ggml": [], "torch": []}

INFER, ALL = "decode|vqgan_decode|clip", "decode|vqgan_decode|clip|train"

PEERS = [
    Peer("torch", "torch", "peer_torch", ALL, {}),
    Peer("torch compile", "torch", "peer_torch", ALL, {"compile": True}),
    Peer("torch bf16", "torch", "peer_torch", ALL, {"bf16": True}),
    Peer("torch compile bf16", "torch", "peer_torch", INFER, {"compile": True, "bf16": True}),
    Peer("torch int8 dynamic", "torch", "peer_torch", "decode|clip", {"int8": True}),
    Peer("onnxruntime", "onnxruntime", "peer_onnx", INFER, {}),
    Peer("onnxruntime int8 dynamic", "onnxruntime", "peer_onnx", "decode|clip", {"int8": True}),
    Peer("openvino", "openvino", "peer_openvino", INFER, {}),
    Peer("openvino bf16", "openvino", "peer_openvino", INFER, {"precision": "bf16"}),
    Peer("openvino int8 weights", "openvino", "peer_openvino", "decode|clip", {"int8": True}),
    Peer("ctranslate2", "ctranslate2", "peer_ctranslate2", "decode", {"type": "float32"}),
    Peer("ctranslate2 int8", "ctranslate2", "peer_ctranslate2", "decode", {"type": "int8"}),
    Peer("ggml f16", "ggml", "peer_ggml", "decode", {"format": "F16"}),
    Peer("ggml q8_0", "ggml", "peer_ggml", "decode", {"format": "Q8_0"}),
    Peer("ggml q4_0", "ggml", "peer_ggml", "decode", {"format": "Q4_0"}),
]

WORKS = ["decode_b1_q8", "decode_b8_q8", "decode_b64_q8", "vqgan_decode", "clip_text", "clip_image",
         "train_gpt", "train_vqgan"]


def needed(only):
    """Packages of the peers whose label matches."""
    names = {p.package for p in PEERS if re.search(only, p.label)}
    return [n for n in PACKAGES if n in names or any(n in NEEDS[m] for m in names)]


def split_work(name):
    """decode_b8_q8 -> decode, 8; others -> the name, 1"""
    match = re.fullmatch(r"decode_b(\d+)_\w+", name)
    return ("decode", int(match[1])) if match else (name, 1)
