"""Models of sequences of characters, written against PyTorch's names: each gets the framework's module."""

from __future__ import annotations

from typing import Any

__all__ = ["CHARACTERS", "char_lstm", "gpt"]

#: Different characters, as in Shakespeare's plays.
CHARACTERS = 65


def char_lstm(torch: Any) -> Any:
    """Return an LSTM of 128 units over embeddings of 64 numbers; scores of all places, (N L, characters)."""
    nn = torch.nn

    class CharLSTM(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(CHARACTERS, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, CHARACTERS)

        def forward(self, x: Any) -> Any:
            out, _ = self.lstm(self.embedding(x))
            return self.head(out).flatten(0, 1)

    return CharLSTM()


def gpt(torch: Any, length: int = 64, width: int = 128, layers: int = 4, heads: int = 4) -> Any:
    """Return a decoder with normalisation first, as GPT-2's; scores of all places, (N L, characters)."""
    nn = torch.nn
    attend = nn.functional.scaled_dot_product_attention

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            parts = self.qkv(self.norm1(x)).split(width, dim=2)
            q, k, v = (part.view(n, length, heads, width // heads).transpose(1, 2) for part in parts)
            x = x + self.projection(attend(q, k, v, is_causal=True).transpose(1, 2).reshape(n, length, width))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(CHARACTERS, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CHARACTERS, bias=False)

        def forward(self, x: Any) -> Any:
            x = self.token(x) + self.position(torch.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return GPT()
