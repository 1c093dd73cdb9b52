"""Functions of functions: ``torch.func``.

``grad``, ``vjp``, ``jvp``, ``jacrev``, ``jacfwd`` and ``hessian`` take a function and return one that computes its
derivatives; they nest. ``vmap`` maps a function over a dimension. ``functional_call`` calls a module with other
parameters than its own.

Forward-mode derivatives (``jvp``, ``jacfwd``, ``linearize``) are computed by differentiating the reverse mode twice,
and ``vmap`` is a loop: they give PyTorch's results, not its speed.
"""

from tinygrad_hw.func.functional_call import functional_call, stack_module_state
from tinygrad_hw.func.gradients import grad, grad_and_value, jvp, linearize, vjp
from tinygrad_hw.func.jacobians import hessian, jacfwd, jacrev
from tinygrad_hw.func.norm import replace_all_batch_norm_modules_
from tinygrad_hw.func.vectorize import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
