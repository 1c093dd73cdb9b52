"""Modules: registration, iteration, state dictionaries, copies."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.small_modules import Net, Scale
from tinygrad_hw import nn
from tinygrad_hw.nn import hooks as module_hooks
from tinygrad_hw.nn.registry import Registry

# -- registration ----------------------------------------------------------------------------------


def test_values_are_plain_attributes_and_the_registry_is_a_view():
    m = Scale()
    assert m.__dict__["scale"] is m.scale is m._parameters["scale"]
    new = nn.Parameter(torch.ones(2))
    m._parameters["scale"] = new
    assert m.scale is new
    m.scale = nn.Parameter(torch.zeros(2))
    assert m._parameters["scale"] is m.scale is not new
    assert list(m._parameters) == ["scale", "shift"]
    assert isinstance(m._parameters, Registry)
    assert "count" in m._buffers and "count" not in m._parameters
    assert m._parameters.get("none") is None
    with pytest.raises(KeyError):
        m._parameters["count"]


def test_registry_behaves_as_a_dictionary():
    m = Scale()
    view = m._parameters
    assert dict(view) == {"scale": m.scale, "shift": m.shift}
    assert view.copy() == dict(view) and isinstance(view.copy(), dict)
    assert list(reversed(view)) == ["shift", "scale"]
    assert {**view} == view | {}
    assert repr(view) == repr(dict(view))
    name, value = view.popitem()
    assert name == "shift" and not hasattr(m, "shift")
    view["other"] = value
    assert m.other is value and [n for n, _ in m.named_parameters()] == ["scale", "other"]
    view.clear()
    assert not hasattr(m, "scale") and list(m.parameters()) == []
    with pytest.raises(KeyError):
        view.popitem()


def test_a_name_has_one_kind():
    m = nn.Module()
    m.x = 3
    m.x = nn.Parameter(torch.ones(1))
    assert [n for n, _ in m.named_parameters()] == ["x"]
    with pytest.raises(TypeError, match="as parameter 'x'"):
        m.x = nn.Identity()
    m.x = None
    assert m._parameters["x"] is None
    del m.x
    m.x = torch.ones(1)
    m.x = nn.Identity()
    assert list(m._modules) == ["x"] and not m._parameters
    m.x = nn.Parameter(torch.ones(1))
    assert not m._modules and list(m._parameters) == ["x"]
    del m.x
    m.x = nn.Identity()
    m.x = None
    assert m._modules["x"] is None and list(m.children()) == []
    m._buffers["x"] = torch.ones(1)
    assert not m._modules and list(m._buffers) == ["x"]
    del m.x
    assert not m._buffers and not hasattr(m, "x")


def test_reassigning_keeps_the_order():
    m = Scale()
    m.scale = nn.Parameter(torch.ones(2))
    assert [n for n, _ in m.named_parameters()] == ["scale", "shift"]
    del m.scale
    m.scale = nn.Parameter(torch.ones(2))
    assert [n for n, _ in m.named_parameters()] == ["shift", "scale"]


def test_replacing_a_whole_registry():
    m = nn.Sequential(nn.Identity(), nn.ReLU())
    m._modules = OrderedDict(a=m[1], b=m[0])
    assert [n for n, _ in m.named_children()] == ["a", "b"]
    assert not hasattr(m, "0") and isinstance(m.a, nn.ReLU)


def test_buffers():
    m = Scale()
    assert dict(m.named_buffers()).keys() == {"count", "cache"}
    assert list(m.state_dict()) == ["scale", "shift", "count"]
    m.cache = torch.zeros(3)
    assert "cache" not in m.state_dict() and m._buffers["cache"].shape == (3,)
    m.extra = nn.Buffer(torch.ones(1), persistent=False)
    m.kept = nn.Buffer(torch.ones(1))
    assert isinstance(m.extra, nn.Buffer) and isinstance(m.extra, torch.Tensor)
    assert list(m.state_dict()) == ["scale", "shift", "count", "kept"]
    m.register_buffer("cache", torch.zeros(1))  # persistent from now on
    assert "cache" in m.state_dict()
    m.count = None
    assert "count" not in m.state_dict() and "count" in m._buffers
    assert len(list(m.buffers())) == 3


def test_a_subclass_may_override_register_buffer_without_persistent():
    class Old(nn.Module):
        def register_buffer(self, name, tensor):
            super().register_buffer(name, tensor)

    m = Old()
    m.register_buffer("b", torch.ones(1))
    m.b = torch.zeros(1)
    assert m.b.item() == 0
    m.c = nn.Buffer(torch.ones(1))
    assert list(m._buffers) == ["b", "c"]
    with pytest.raises(TypeError):
        m.d = nn.Buffer(torch.ones(1), persistent=False)


def test_none_reserves_a_name():
    m = nn.Module()
    m.register_parameter("bias", None)
    assert m.bias is None and list(m.parameters()) == [] and list(m.state_dict()) == []
    m.bias = nn.Parameter(torch.ones(1))
    assert list(m.state_dict()) == ["bias"]


def test_registration_hooks_may_replace_what_is_registered():
    seen = []
    spare = nn.Parameter(torch.full((1,), 7.0))
    with module_hooks.register_module_parameter_registration_hook(
        lambda module, name, value: seen.append(name) or (spare if name == "p" else None)
    ):
        m = nn.Module()
        m.p = nn.Parameter(torch.ones(1))
        m.q = nn.Parameter(torch.ones(1))
    m.r = nn.Parameter(torch.ones(1))
    assert seen == ["p", "q"] and m.p is spare and m.q is not spare
    with module_hooks.register_module_module_registration_hook(
        lambda module, name, value: nn.ReLU() if name == "0" else None
    ):
        assert isinstance(nn.Sequential(nn.Identity())[0], nn.ReLU)
    with module_hooks.register_module_buffer_registration_hook(lambda module, name, value: torch.zeros(4)):
        m.register_buffer("b", torch.ones(1))
    assert m.b.shape == (4,)


def test_reading_an_attribute_does_not_go_through_python():
    """The class has no __getattr__; a subclass that has one may delegate to super()'s."""
    assert not hasattr(nn.Module, "__getattr__")

    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

    w = Wrapper(Scale())
    assert w.scale is w.module.scale
    with pytest.raises(AttributeError, match="'Scale' object has no attribute 'nothing'"):
        w.nothing  # noqa: B018
    assert isinstance(w, nn.Module) and list(dict(w.named_modules())) == ["", "module"]


def test_getattr_of_a_mixin():
    class Tells:
        def __getattr__(self, name):
            if name == "answer":
                return 42
            return super().__getattr__(name)

    class Both(Tells, nn.Module):
        pass

    assert Both().answer == 42
    with pytest.raises(AttributeError, match="'Both' object has no attribute 'question'"):
        Both().question  # noqa: B018


def test_call_super_init():
    class Mixin:
        def __init__(self, flag):
            self.flag = flag

    class Both(nn.Module, Mixin):
        call_super_init = True

        def __init__(self):
            super().__init__(True)

    assert Both().flag is True


# -- iteration -------------------------------------------------------------------------------------


def test_iteration_names_and_prefixes():
    net = Net()
    assert [n for n, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
    assert [n for n, _ in net.named_modules(prefix="net")][:2] == ["net", "net.first"]
    assert [n for n, _ in net.named_parameters(prefix="net")] == [
        "net.first.scale",
        "net.first.shift",
        "net.rest.0.scale",
        "net.rest.0.shift",
    ]
    assert list(net.parameters(recurse=False)) == []
    assert [n for n, _ in net.first.named_buffers("f", recurse=False)] == ["f.count", "f.cache"]
    assert [n for n, _ in net.named_children()] == ["first", "rest"]


def test_shared_members_are_counted_once():
    net = Net()
    net.rest[0].scale = net.first.scale
    net.again = net.first
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6
    assert len(list(net.modules())) == 5
    assert len(list(net.modules(remove_duplicate=False))) == 6
    assert len(list(net.children())) == 2
    assert "again.scale" in net.state_dict() and "rest.0.scale" in net.state_dict()
    net.buf = nn.Buffer(net.first.count)
    net.first.cache = net.first.count
    assert len(list(net.first.buffers())) == 1


def test_adding_while_iterating():
    net = Net()
    for i, child in enumerate(net.children()):
        net.add_module(f"new{i}", nn.Identity())
        assert child is not None
    assert len(list(net.children())) == 4


def test_access_by_path():
    net = Net()
    assert net.get_submodule("rest.0") is net.rest[0] and net.get_submodule("") is net
    assert net.get_parameter("rest.0.scale") is net.rest[0].scale
    assert net.get_buffer("first.count") is net.first.count
    net.set_submodule("rest.1", nn.ReLU())
    assert isinstance(net.rest[1], nn.ReLU)
    net.set_submodule("first", nn.ReLU(), strict=True)
    net.set_submodule("rest.2", nn.ReLU())
    assert len(net.rest) == 3
    with pytest.raises(AttributeError):
        net.set_submodule("rest.9", nn.ReLU(), strict=True)


# -- modes and conversions -------------------------------------------------------------------------


def test_train_eval_apply_requires_grad():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    order = []
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order == ["Scale", "Scale", "Identity", "Sequential", "Net"]
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())


def test_zero_grad():
    net = Scale()
    net(torch.ones(2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.scale.grad is None
    net(torch.ones(2)).pow(2).sum().backward(create_graph=True)
    assert net.scale.grad.grad_fn is not None
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.grad_fn is None and net.scale.grad.tolist() == [0.0, 0.0]


def test_conversions_keep_the_parameter_objects():
    net = Scale()
    net.register_buffer("index", torch.tensor([1, 2]))
    net(torch.ones(2)).sum().backward()
    scale, grad = net.scale, net.scale.grad
    assert net.double() is net
    assert net.scale is scale and scale.dtype is torch.float64 and scale.requires_grad
    assert scale.grad is grad and grad.dtype is torch.float64
    assert net.count.dtype is torch.float64 and net.index.dtype is torch.int64
    assert net.half().scale.dtype is torch.float16
    assert net.float().scale.dtype is torch.float32
    assert net.to(torch.float64).scale.dtype is torch.float64
    assert net.to("cpu", torch.float32).scale.dtype is torch.float32
    assert net.to(torch.zeros(1, dtype=torch.float64)).scale.dtype is torch.float64
    assert net.to(device="cpu", dtype=torch.float32).count.dtype is torch.float32
    assert net.to("cpu") is net.cpu() is net
    array = net.scale.array
    assert net.to(torch.float32).scale.array is array
    assert net.type(torch.float64).scale.dtype is torch.float64
    assert net.to_empty(device="cpu").scale.shape == (2,)


def test_what_cannot_be_converted():
    net = Scale()
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(torch.int64)
    for call in (net.cuda, lambda: net.to("cuda"), lambda: net.to("cuda", torch.float32)):
        with pytest.raises(RuntimeError, match="CPU only"):
            call()
    with pytest.raises(TypeError, match="invalid combination"):
        net.to("cpu", "cpu")


# -- state dictionaries ----------------------------------------------------------------------------


def test_state_dict_shares_memory_and_has_versions():
    class Versioned(Scale):
        _version = 3

    net = nn.Sequential(Versioned())
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == ["0.scale", "0.shift", "0.count"]
    assert state._metadata == {"": {"version": 1}, "0": {"version": 3}}
    assert state["0.scale"].array is net[0].scale.array
    assert not state["0.scale"].requires_grad and type(state["0.scale"]) is torch.Tensor
    assert net.state_dict(keep_vars=True)["0.scale"] is net[0].scale
    mine = {"already": 1}
    assert net.state_dict(destination=mine, prefix="net.") is mine
    assert list(mine) == ["already", "net.0.scale", "net.0.shift", "net.0.count"]
    with pytest.warns(FutureWarning):
        assert next(iter(net.state_dict(None, "net."))) == "net.0.scale"


def test_load_copies_into_the_memory():
    a, b = Net(), Net()
    with torch.no_grad():
        for p in b.parameters():
            p.fill_(5)
    array = a.first.scale.array
    result = a.load_state_dict(b.state_dict())
    assert repr(result) == str(result) == "<All keys matched successfully>"
    assert result.missing_keys == [] and result.unexpected_keys == []
    assert a.first.scale.array is array and array.tolist() == [5.0, 5.0]
    assert a.first.scale.requires_grad and a.first.scale.grad_fn is None
    version = a.first.scale._version
    a.load_state_dict(b.state_dict())
    assert a.first.scale._version > version


def test_load_assign_takes_the_tensors():
    net = Scale()
    net.shift.requires_grad_(False)
    state = {k: v.double() for k, v in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net.scale.dtype is torch.float64 and net.scale.array is state["scale"].array
    assert net.scale.requires_grad and not net.shift.requires_grad
    assert isinstance(net.scale, nn.Parameter) and net.count is state["count"]
    mine = nn.Parameter(torch.ones(2))
    net.load_state_dict({**state, "shift": mine}, assign=True)
    assert net.shift is mine and not mine.requires_grad


def test_load_reports_every_problem_at_once():
    net = Net()
    state = net.state_dict()
    del state["first.scale"]
    state["rest.0.scale"] = torch.ones(3)
    state["rest.0.shift"] = 5
    state["first.new"] = torch.ones(1)
    state["other.weight"] = torch.ones(1)
    with pytest.raises(RuntimeError) as info:
        net.load_state_dict(state)
    text = str(info.value)
    assert text == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "first.scale". \n'
        '\tUnexpected key(s) in state_dict: "other.weight", "first.new". \n'
        "\tsize mismatch for rest.0.scale: copying a param with shape torch.Size([3]) from "
        "checkpoint, the shape in current model is torch.Size([2]).\n"
        '\tWhile copying the parameter named "rest.0.shift", expected torch.Tensor or Tensor-like '
        "object from checkpoint but received <class 'int'>"
    )
    state["rest.0.scale"] = torch.ones(2)
    state["rest.0.shift"] = torch.ones(2)
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["first.scale"]
    assert result.unexpected_keys == ["other.weight", "first.new"]
    assert repr(result).startswith("_IncompatibleKeys(missing_keys=['first.scale'], unexpected")
    assert net.rest[0].scale.tolist() == [1.0, 1.0]


def test_an_old_one_element_vector_loads_into_a_scalar():
    m = nn.Module()
    m.s = nn.Parameter(torch.tensor(1.0))
    m.load_state_dict({"s": torch.tensor([3.0])})
    assert m.s.item() == 3.0


def test_extra_state():
    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = {"steps": 1}

        def get_extra_state(self):
            return self.value

        def set_extra_state(self, state):
            self.value = state

    a, b = nn.Sequential(Extra()), nn.Sequential(Extra())
    a[0].value = {"steps": 9}
    assert a.state_dict() == {"0._extra_state": {"steps": 9}}
    b.load_state_dict(a.state_dict())
    assert b[0].value == {"steps": 9}
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        b.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"_extra_state"'):
        nn.Identity().load_state_dict({"_extra_state": 1})
    with pytest.raises(RuntimeError, match="not implemented"):
        nn.Identity().get_extra_state()


def test_load_from_state_dict_may_be_overridden():
    class Renamed(Scale):
        _version = 2

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
            if local_metadata.get("version", 1) < 2 and prefix + "gain" in state_dict:
                state_dict[prefix + "scale"] = state_dict.pop(prefix + "gain")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    net = nn.Sequential(Renamed())
    old = {"0.gain": torch.ones(2), "0.shift": torch.ones(2), "0.count": torch.ones(1)}
    net.load_state_dict(old)
    assert net[0].scale.tolist() == [1.0, 1.0] and "0.gain" in old


def test_state_dict_hooks():
    net = nn.Sequential(Scale())
    log = []
    child = net[0]
    h1 = child.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix)))
    h2 = child.register_state_dict_post_hook(
        lambda m, state, prefix, meta: state.update({prefix + "note": meta["version"]})
    )
    state = net.state_dict()
    assert log == [("pre", "0.")] and state["0.note"] == 1

    def drop_note(module, state_dict, prefix, meta, strict, missing, unexpected, errors):
        assert module is child and strict is True
        state_dict.pop(prefix + "note")

    h3 = child.register_load_state_dict_pre_hook(drop_note)
    h4 = net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.append("invented"))
    with pytest.raises(RuntimeError, match=r'Missing key.*"invented"'):
        net.load_state_dict(state)
    h4.remove()
    net.load_state_dict(state)
    for h in (h1, h2, h3):
        h.remove()
    assert list(net.state_dict()) == ["0.scale", "0.shift", "0.count"]
    with (
        net.register_state_dict_post_hook(lambda *args: {}),
        pytest.raises(RuntimeError, match="must return None"),
    ):
        net.state_dict()
    with net._register_state_dict_hook(lambda m, s, p, meta: {"only": 1}):
        assert net.state_dict() == {"only": 1}
    with (
        net.register_load_state_dict_post_hook(lambda m, keys: keys),
        pytest.raises(AssertionError, match="not expected to return"),
    ):
        net.load_state_dict(net.state_dict())


# -- printing, copying, pickling -------------------------------------------------------------------


def test_repr():
    class Named(nn.Module):
        def extra_repr(self):
            return "a=1"

    class Tall(nn.Module):
        def extra_repr(self):
            return "a=1\n\nb=2"

    assert repr(nn.Module()) == "Module()"
    assert repr(Named()) == "Named(a=1)"
    assert repr(Tall()) == "Tall(\n  a=1\n  \n  b=2\n)"
    m = Named()
    m.inner = Tall()
    m.none = None
    m.add_module("empty", None)
    assert repr(m) == ("Named(\n  a=1\n  (inner): Tall(\n    a=1\n\n    b=2\n  )\n  (empty): None\n)")


def test_dir_lists_what_is_registered():
    names = dir(nn.Sequential(Scale()))
    assert "training" in names and "parameters" in names and "0" not in names
    assert {"scale", "count"} <= set(dir(Scale()))


def test_deepcopy_is_independent_and_keeps_sharing():
    net = Net()
    net.rest[0].scale = net.first.scale
    net.first.register_forward_hook(lambda m, a, o: o * 0)
    twin = copy.deepcopy(net)
    assert twin.first.scale is twin.rest[0].scale is not net.first.scale
    assert list(twin.state_dict()) == list(net.state_dict())
    with torch.no_grad():
        twin.first.scale.fill_(9)
    assert net.first.scale.tolist() == [2.0, 2.0]
    assert twin.first(torch.ones(2)).tolist() == [0.0, 0.0]
    twin.first.added = nn.Parameter(torch.ones(1))
    assert "added" not in net.first._parameters


def test_shallow_copy_has_its_own_tables():
    m = Scale()
    twin = copy.copy(m)
    assert twin.scale is m.scale
    twin.extra = nn.Parameter(torch.ones(1))
    twin.scale = nn.Parameter(torch.ones(2))
    assert "extra" not in m._parameters and m.scale is not twin.scale


def test_pickle():
    net = Net()
    net.first.register_load_state_dict_pre_hook(_do_nothing)
    net.first.scale.note = "kept"
    twin = pickle.loads(pickle.dumps(net))
    assert repr(twin) == repr(net)
    assert twin.first.scale.note == "kept" and isinstance(twin.first.scale, nn.Parameter)
    x = torch.ones(2)
    assert twin(x).tolist() == net(x).tolist()
    twin.load_state_dict(net.state_dict())
    assert twin.first.cache.tolist() == [1.0] and "first.cache" not in twin.state_dict()


def _do_nothing(*args):
    return None


def test_a_handle_that_a_module_keeps_is_copied_with_it():
    m = nn.Sequential(nn.Identity())
    m.handle = m[0].register_forward_hook(_do_nothing)
    for twin in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert len(twin[0]._forward_hooks) == 1
        twin.handle.remove()
        assert len(twin[0]._forward_hooks) == 0 and len(m[0]._forward_hooks) == 1


def test_unpickled_hooks_are_not_overwritten():
    m = nn.Identity()
    m._forward_hooks[module_hooks.RemovableHandle(OrderedDict()).id + 1] = _do_nothing
    m.register_forward_hook(_do_nothing)
    assert len(m._forward_hooks) == 2


def test_hook_of_a_dead_module():
    class Anything:
        pass

    owner = Anything()
    hook = module_hooks.WithModule(_do_nothing, owner)
    hook()
    del owner
    with pytest.raises(RuntimeError, match="dead Module"):
        hook()


# -- parameters ------------------------------------------------------------------------------------


def test_parameter():
    t = torch.ones(2)
    p = nn.Parameter(t)
    assert p.array is t.array and p.requires_grad and p.is_leaf
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert type(p * 2) is torch.Tensor and type(p.detach()) is torch.Tensor
    with torch.no_grad():
        assert nn.Parameter(t).requires_grad
    assert not nn.Parameter(torch.tensor([1]), requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    p.note = 1
    assert nn.Parameter(p).array is p.array
    with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
        nn.Parameter(torch.tensor([1]))
    with pytest.raises(TypeError, match="takes a Tensor, not list"):
        nn.Parameter([1.0])


def test_parameter_copies():
    p = nn.Parameter(torch.ones(2, 3).T, requires_grad=False)
    p.grad = torch.ones(3, 2)
    twin = copy.deepcopy(p)
    assert type(twin) is nn.Parameter and not twin.requires_grad and twin.grad is None
    assert twin.stride() == p.stride() and not np.shares_memory(twin.array, p.array)
    both = copy.deepcopy([p, p])
    assert both[0] is both[1]
    back = pickle.loads(pickle.dumps(p))
    assert type(back) is nn.Parameter and back.tolist() == p.tolist()


def test_buffer_copies():
    b = nn.Buffer(torch.ones(2), persistent=False)
    assert repr(b) == "tensor([1., 1.])"
    for twin in (copy.deepcopy(b), pickle.loads(pickle.dumps(b))):
        assert isinstance(twin, nn.Buffer) and twin.persistent is False


def test_writing_to_the_parameters_data_is_seen_by_version_checks():
    p = nn.Parameter(torch.ones(2))
    y = (p * p).sum()
    with torch.no_grad():
        p.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_every_public_method_has_a_docstring():
    for name, method in inspect.getmembers(nn.Module):
        if not name.startswith("_") and callable(method):
            assert inspect.getdoc(method), name
