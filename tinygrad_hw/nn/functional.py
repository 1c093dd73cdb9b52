"""The functions behind the layers: ``torch.nn.functional``."""

from tinygrad_hw.ops.activation import *
from tinygrad_hw.ops.attention import *
from tinygrad_hw.ops.conv import *
from tinygrad_hw.ops.conv3d import *
from tinygrad_hw.ops.cross_entropy import *
from tinygrad_hw.ops.ctc import *
from tinygrad_hw.ops.distance import pdist as pdist
from tinygrad_hw.ops.dropout import *
from tinygrad_hw.ops.embedding import *
from tinygrad_hw.ops.grid import *
from tinygrad_hw.ops.image import *
from tinygrad_hw.ops.linear import *
from tinygrad_hw.ops.loss import *
from tinygrad_hw.ops.margin_loss import *
from tinygrad_hw.ops.multihead import *
from tinygrad_hw.ops.multihead import _canonical_mask as _canonical_mask
from tinygrad_hw.ops.norm import *
from tinygrad_hw.ops.pad import *
from tinygrad_hw.ops.pool import *
from tinygrad_hw.ops.pool3d import *
from tinygrad_hw.ops.softmax import *
