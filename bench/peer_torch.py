"""PyTorch's turns: eager, compiled, in bfloat16, with int8 dynamic quantisation."""
import torch
import torch.nn.functional as F

import peer_nets


def draw(logits, sampling):
    """One token a row by top-k, then top-p, as the daemon draws -> [B, 1]"""
    k = min(sampling["top_k"] or logits.shape[-1], logits.shape[-1])
    values, ids = logits.float().div(sampling["temperature"]).topk(k)
    p = values.softmax(-1)
    p = p.masked_fill(p.cumsum(-1) - p > sampling["top_p"], 0)
    return ids.gather(-1, p.multinomial(1))


def ready(model, o):
    """A network for inference with these options."""
    model = model.eval().requires_grad_(False)
    if o.get("int8"):
        import torch.ao.quantization as quantization
        model = quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    if o.get("bf16"):
        model = model.bfloat16()
    return model


def compiled(model, o, **more):
    if not o.get("compile"):
        return model
    import torch._inductor.config
    torch._inductor.config.freezing = not o.get("train")
    return torch.compile(model, **more)


def decode(sizes, n, o):
    c, sampling = sizes["config"]["gpt"], sizes["config"]["sampling"]
    step = compiled(peer_nets.GptCached(ready(peer_nets.Gpt(c), o), n), o, dynamic=True)

    def run():
        ids = torch.zeros(n, 1, dtype=torch.long)
        for pos in range(c["tokens"]):
            ids = draw(step(ids, pos), sampling)
    return run


def vqgan_decode(sizes, n, o):
    c = sizes["config"]
    net = ready(peer_nets.Decoder(peer_nets.Vqgan(c["vqgan"])), o).to(
        memory_format=torch.channels_last)
    net = compiled(net, o)
    tokens = torch.arange(c["gpt"]["tokens"])[None] * 7919 % c["gpt"]["vocab"]
    return lambda: net(tokens)


def clip_text(sizes, n, o):
    c = sizes["config"]["clip"]
    net = compiled(ready(peer_nets.ClipText(c), o), o)
    ids = torch.arange(c["text"]["context"])[None] * 7919 % c["text"]["vocab"]
    return lambda: net(ids)


def clip_image(sizes, n, o):
    c = sizes["config"]["clip"]
    net = compiled(ready(peer_nets.ClipImage(c), o).to(memory_format=torch.channels_last), o)
    side = c["image"]["size"]
    x = torch.rand(1, 3, side, side).to(torch.bfloat16 if o.get("bf16") else torch.float32)
    return lambda: net(x)


def training(net, loss, o):
    optim = torch.optim.AdamW(net.parameters(), lr=1e-6, betas=(0.9, 0.95), weight_decay=0.01,
                              fused=True)

    def run():
        optim.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(o.get("bf16"))):
            value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optim.step()
    return run


def train_gpt(sizes, n, o):
    c, batch = sizes["config"]["gpt"], sizes["gpt_batch"]
    net = peer_nets.Gpt(c).train()
    forward = compiled(net, {**o, "train": True})
    cond = F.normalize(torch.randn(batch, c["cond_dim"]), dim=-1)
    tokens = torch.randint(c["vocab"], (batch, c["tokens"]))
    return training(net, lambda: F.cross_entropy(forward(cond, tokens[:, :-1]).flatten(0, 1),
                                                 tokens.flatten()), o)


def train_vqgan(sizes, n, o):
    c, batch = sizes["config"]["vqgan"], sizes["vqgan_batch"]
    net = peer_nets.Vqgan(c).train().to(memory_format=torch.channels_last)
    forward = compiled(net, {**o, "train": True})
    x = torch.rand(batch, 3, c["resolution"], c["resolution"]) * 2 - 1
    x = x.to(memory_format=torch.channels_last)

    def loss():
        y, codes = forward(x)
        return F.l1_loss(y, x) + codes
    return training(net, loss, o)


def open_work(work, n, sizes, threads, options):
    """-> a function that does the work once."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    train = work.startswith("train")
    run = globals()[work](sizes, n, options)
    return run if train else torch.inference_mode()(run) if not options.get("compile") \
        else torch.no_grad()(run)
