"""A small GPT that learns to write by characters, on the CPU.

    python examples/char_gpt.py --data tinyshakespeare.txt

The setting is nanoGPT's for a CPU: 64 characters of context, 4 layers of 4 heads, 128 wide, 2,000 steps of 12
sequences, AdamW with a warm-up and a cosine decay. Any text file will do as data. The same script runs under PyTorch
with ``--framework torch``.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019); Karpathy, nanoGPT.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", required=True, help="a text file")
parser.add_argument("--steps", type=int, default=2000)
parser.add_argument("--batch", type=int, default=12)
parser.add_argument("--block", type=int, default=64, help="characters of context")
parser.add_argument("--layers", type=int, default=4)
parser.add_argument("--heads", type=int, default=4)
parser.add_argument("--width", type=int, default=128)
parser.add_argument("--dropout", type=float, default=0.0)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--eval-every", type=int, default=250)
parser.add_argument("--eval-batches", type=int, default=20)
parser.add_argument("--sample", type=int, default=300, help="characters to write at the end")
parser.add_argument("--seed", type=int, default=1337)
parser.add_argument("--threads", type=int, default=0, help="0 for as many as there are CPUs")
parser.add_argument("--framework", default="tinygrad_hw", help="tinygrad_hw or torch")
args = parser.parse_args()

torch = importlib.import_module(args.framework)
nn, F = torch.nn, torch.nn.functional


class SelfAttention(nn.Module):
    """Each position looks at those before it."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            t.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for t in self.qkv(x).split(width, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
        y = y.transpose(1, 2).contiguous().view(batch, length, width)
        return self.drop(self.proj(y))


class Block(nn.Module):
    """Attention, then a small network for each position; both add to their input."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=False)
        self.attention = SelfAttention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
            nn.Dropout(dropout),
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Embeddings of characters and positions, blocks, and a prediction of the next character."""

    def __init__(self, vocabulary, block, layers, heads, width, dropout):
        super().__init__()
        self.block = block
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.tokens.weight = self.head.weight  # one table for both ends
        self.apply(self._init)
        for name, p in self.named_parameters():
            if name.endswith(("proj.weight", "mlp.2.weight")):
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers))

    def _init(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, x, targets=None):
        h = self.drop(self.tokens(x) + self.positions(torch.arange(x.shape[1])))
        for block in self.blocks:
            h = block(h)
        logits = self.head(self.norm(h))
        if targets is None:
            return logits
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))

    @torch.no_grad()
    def generate(self, x, count, temperature=0.8):
        for _ in range(count):
            logits = self(x[:, -self.block :])[:, -1] / temperature
            x = torch.cat([x, torch.multinomial(F.softmax(logits, dim=-1), 1)], dim=1)
        return x


def main():
    torch.manual_seed(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
    text = Path(args.data).read_text(encoding="utf-8")
    letters = sorted(set(text))
    number = {c: i for i, c in enumerate(letters)}
    data = torch.tensor([number[c] for c in text])
    split = int(0.9 * len(data))
    sets = {"train": data[:split], "validation": data[split:]}
    model = GPT(len(letters), args.block, args.layers, args.heads, args.width, args.dropout)
    print(
        f"{len(text):,} characters, {len(letters)} different; {sum(p.numel() for p in model.parameters()):,} parameters"
    )

    decayed = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.99),
    )
    warm = min(100, args.steps // 10)

    def factor(step):
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(args.steps - warm, 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def batch(name):
        chosen = sets[name]
        starts = torch.randint(len(chosen) - args.block, (args.batch,))
        window = starts.view(-1, 1) + torch.arange(args.block + 1)
        rows = chosen[window]
        return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    @torch.no_grad()
    def evaluate():
        model.eval()
        means = {}
        for name in sets:
            losses = [model(*batch(name)).item() for _ in range(args.eval_batches)]
            means[name] = sum(losses) / len(losses)
        model.train()
        return means

    start, trained = time.perf_counter(), 0.0
    for step in range(args.steps + 1):
        if step % args.eval_every == 0 or step == args.steps:
            means = evaluate()
            print(
                f"step {step:5d}  train {means['train']:.4f}  validation {means['validation']:.4f}  "
                f"{time.perf_counter() - start:6.1f} s",
                flush=True,
            )
        if step == args.steps:
            break
        begun = time.perf_counter()
        loss = model(*batch("train"))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        trained += time.perf_counter() - begun
    print(f"{trained / max(args.steps, 1) * 1e3:.2f} ms a step")

    if args.sample:
        model.eval()
        context = torch.tensor([[number.get("\n", 0)]])
        print("".join(letters[i] for i in model.generate(context, args.sample)[0].tolist()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
