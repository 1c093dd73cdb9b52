"""Mixed precision: ``torch.amp``. Products can compute in bfloat16; the loss can be scaled."""

from tinygrad_hw.amp.autocast import autocast, is_autocast_available
from tinygrad_hw.amp.custom import custom_bwd, custom_fwd
from tinygrad_hw.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
