"""Where the time and the memory go: ``profile`` records operations and layers, forward and backward."""

from tinygrad_hw.autograd.profiler import record_function
from tinygrad_hw.profiler.averages import EventList, FunctionEventAvg, LayerAverage, LayerList
from tinygrad_hw.profiler.events import FunctionEvent
from tinygrad_hw.profiler.profile import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    tensorboard_trace_handler,
)

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "LayerAverage",
    "LayerList",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]
