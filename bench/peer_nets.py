"""The networks of bench/peers in PyTorch, at the sizes of a bundle's config.json, with random weights.

Written from docs/MODEL.md; pictures are [B, C, H, W], as PyTorch wants them. What is measured is speed, so
values only have to stay finite.
"""
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width, heads, gelu=F.gelu):
        super().__init__()
        self.heads, self.gelu = heads, gelu
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.fc_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x):
        """-> q, k, v [B, heads, T, width / heads]"""
        b, t, _ = x.shape
        return self.qkv(self.ln1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

    def finish(self, x, attended):
        x = x + self.proj(attended.transpose(1, 2).reshape(x.shape))
        return x + self.fc_out(self.gelu(self.fc(self.ln2(x))))

    def forward(self, x, causal):
        q, k, v = self.split(x)
        return self.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=causal))


class Gpt(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.tokens = nn.Embedding(c["vocab"], c["width"])
        self.positions = nn.Parameter(torch.randn(c["tokens"], c["width"]) * 0.02)
        self.cond = nn.Linear(c["cond_dim"], c["width"])
        self.blocks = nn.ModuleList(Block(c["width"], c["heads"]) for _ in range(c["layers"]))
        self.norm = nn.LayerNorm(c["width"])
        self.head = nn.Linear(c["width"], c["vocab"])

    def forward(self, cond, tokens):
        """Whole sequences: cond [B, E], tokens [B, T - 1] -> logits [B, T, V]"""
        x = torch.cat([self.cond(cond)[:, None], self.tokens(tokens)], 1) + self.positions
        for block in self.blocks:
            x = block(x, True)
        return self.head(self.norm(x))


class GptGrowing(nn.Module):
    """One position, the cache as tensors that grow: for exporters.

    ids [B, 1], pos [1], then keys and values of every layer [B, heads, t, d] -> logits [B, V], the
    same with t + 1."""

    def __init__(self, gpt):
        super().__init__()
        self.gpt = gpt

    def forward(self, ids, pos, *past):
        x = self.gpt.tokens(ids) + self.gpt.positions[pos]
        present = []
        for i, block in enumerate(self.gpt.blocks):
            q, k, v = block.split(x)
            k, v = torch.cat([past[2 * i], k], 2), torch.cat([past[2 * i + 1], v], 2)
            present += [k, v]
            x = block.finish(x, F.scaled_dot_product_attention(q, k, v))
        return (self.gpt.head(self.gpt.norm(x))[:, 0], *present)


class GptCached(nn.Module):
    """One position, the cache in place: for PyTorch itself."""

    def __init__(self, gpt, rows):
        super().__init__()
        self.gpt = gpt
        c = gpt.c
        shape = [rows, c["heads"], c["tokens"], c["width"] // c["heads"]]
        like = gpt.head.weight if isinstance(gpt.head, nn.Linear) else torch.empty(0)
        self.keys = [torch.zeros(shape, dtype=like.dtype) for _ in gpt.blocks]
        self.values = [torch.zeros(shape, dtype=like.dtype) for _ in gpt.blocks]

    def forward(self, ids, pos: int):
        """ids [B, 1] at position pos -> logits [B, V]"""
        x = self.gpt.tokens(ids) + self.gpt.positions[pos]
        for i, block in enumerate(self.gpt.blocks):
            q, k, v = block.split(x)
            self.keys[i][:, :, pos:pos + 1] = k
            self.values[i][:, :, pos:pos + 1] = v
            seen = self.keys[i][:, :, :pos + 1], self.values[i][:, :, :pos + 1]
            x = block.finish(x, F.scaled_dot_product_attention(q, *seen))
        return self.gpt.head(self.gpt.norm(x))[:, 0]


# ---- VQGAN ----

def group_norm(c, width):
    return nn.GroupNorm(c["groups"], width, eps=c["norm_eps"])


def conv3(width, out, stride=1, padding=1):
    return nn.Conv2d(width, out, 3, stride, padding)


class Res(nn.Module):
    def __init__(self, c, width, out):
        super().__init__()
        self.block = nn.Sequential(group_norm(c, width), nn.SiLU(), conv3(width, out),
                                   group_norm(c, out), nn.SiLU(), conv3(out, out))
        self.shortcut = nn.Conv2d(width, out, 1) if width != out else nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class Attention(nn.Module):
    """One head over all positions."""

    def __init__(self, c, width):
        super().__init__()
        self.norm, self.qkv = group_norm(c, width), nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, w, h, v = x.shape
        q, k, u = self.qkv(self.norm(x).flatten(2).transpose(1, 2)).chunk(3, -1)
        y = self.proj(F.scaled_dot_product_attention(q[:, None], k[:, None], u[:, None])[:, 0])
        return x + y.transpose(1, 2).reshape(b, w, h, v)


class Down(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = conv3(width, width, 2, 0)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


def levels(c, n_blocks, order, between):
    """Residual blocks and attention of each level; between(width) stands between two of them."""
    layers, width = [], c["ch"] * c["mult"][order[0]] if order[0] else c["ch"]
    for level in order:
        out = c["ch"] * c["mult"][level]
        for _ in range(n_blocks):
            layers.append(Res(c, width, out))
            width = out
            if c["resolution"] >> level == c["attn_resolution"]:
                layers.append(Attention(c, width))
        if level != order[-1]:
            layers += between(width)
    return layers, width


def middle(c, width):
    return [Res(c, width, width), Attention(c, width), Res(c, width, width)]


def up(width):
    return [nn.Upsample(scale_factor=2, mode="nearest"), conv3(width, width)]


class Vqgan(nn.Module):
    def __init__(self, c):
        super().__init__()
        n, z = len(c["mult"]), c["z_channels"]
        d = c["code_dim"] or z
        layers, width = levels(c, c["res_blocks"], range(n), lambda w: [Down(w)])
        self.encoder = nn.Sequential(conv3(3, c["ch"]), *layers, *middle(c, width),
                                     group_norm(c, width), nn.SiLU(), conv3(width, z),
                                     nn.Conv2d(z, d, 1))
        layers, last = levels(c, c["res_blocks"] + 1, range(n - 1, -1, -1), up)
        self.decoder = nn.Sequential(nn.Conv2d(d, z, 1), conv3(z, width), *middle(c, width), *layers,
                                     group_norm(c, last), nn.SiLU(), conv3(last, 3))
        self.codes = nn.Embedding(c["codebook"], d)
        self.grid = c["resolution"] >> (n - 1)

    def decode(self, tokens):
        """tokens [B, T] -> [B, 3, H, W] in 0..255"""
        rows = self.codes(tokens).transpose(1, 2).reshape(len(tokens), -1, self.grid, self.grid)
        return ((self.decoder(rows) * 0.5 + 0.5).clamp(0, 1) * 255).to(torch.uint8)

    def forward(self, x):
        """-> reconstruction, loss of the quantiser"""
        z = self.encoder(x)
        rows = z.permute(0, 2, 3, 1).flatten(0, 2)
        near = (self.codes.weight.square().sum(1) - 2 * rows @ self.codes.weight.t()).argmin(1)
        q = self.codes(near)
        loss = F.mse_loss(rows, q.detach()) + 0.25 * F.mse_loss(rows.detach(), q)
        q = (rows + (q - rows).detach()).view(len(z), self.grid, self.grid, -1).permute(0, 3, 1, 2)
        return self.decoder(q), loss


class Decoder(nn.Module):
    """For exporters, which want a forward."""

    def __init__(self, vqgan):
        super().__init__()
        self.vqgan = vqgan

    def forward(self, tokens):
        return self.vqgan.decode(tokens)


# ---- CLIP ----

def gelu_of(c):
    return (lambda x: x * torch.sigmoid(1.702 * x)) if c["quick_gelu"] else F.gelu


class ClipText(nn.Module):
    def __init__(self, c):
        super().__init__()
        t = c["text"]
        self.tokens = nn.Embedding(t["vocab"], t["width"])
        self.positions = nn.Parameter(torch.randn(t["context"], t["width"]) * 0.01)
        self.blocks = nn.ModuleList(
            Block(t["width"], t["heads"], gelu_of(c)) for _ in range(t["layers"]))
        self.norm = nn.LayerNorm(t["width"])
        self.proj = nn.Linear(t["width"], c["embed_dim"], bias=False)

    def forward(self, ids):
        """ids [B, T], the last one ends the text -> unit [B, E]"""
        x = self.tokens(ids) + self.positions
        for block in self.blocks:
            x = block(x, True)
        return F.normalize(self.proj(self.norm(x[:, -1])), dim=-1)


class ClipImage(nn.Module):
    def __init__(self, c):
        super().__init__()
        i = c["image"]
        n = (i["size"] // i["patch"]) ** 2
        self.patches = nn.Conv2d(3, i["width"], i["patch"], i["patch"], bias=False)
        self.head = nn.Parameter(torch.randn(1, 1, i["width"]) * 0.02)
        self.positions = nn.Parameter(torch.randn(1 + n, i["width"]) * 0.02)
        self.blocks = nn.ModuleList(
            Block(i["width"], i["heads"], gelu_of(c)) for _ in range(i["layers"]))
        self.norm1, self.norm2 = nn.LayerNorm(i["width"]), nn.LayerNorm(i["width"])
        self.proj = nn.Linear(i["width"], c["embed_dim"], bias=False)

    def forward(self, pixels):
        """pixels [B, 3, S, S], normalised -> unit [B, E]"""
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.head.expand(len(x), -1, -1), x], 1) + self.positions
        x = self.norm1(x)
        for block in self.blocks:
            x = block(x, False)
        return F.normalize(self.proj(self.norm2(x[:, 0])), dim=-1)
