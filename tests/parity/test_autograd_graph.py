"""``torch.autograd.graph``, side by side with PyTorch."""

from __future__ import annotations

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


def test_saved_tensors_hooks():
    def code(torch, log):
        def pack(x):
            log("pack", x.requires_grad)
            return x.detach().clone()

        def unpack(x):
            log("unpack", x)
            return x

        a = torch.tensor([1.0, 2.0], requires_grad=True)
        b = torch.tensor([3.0, 4.0], requires_grad=True) * 2
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = a * b
            z = y.exp()
            w = torch.cat([z, y]) * 3
            q = w.clone()
            q.mul_(w)
            w.sigmoid_()
            log(w)
        (q.sum() + w.sum()).backward()
        log(a.grad)
        x = (a * 2).exp()
        log(x.grad_fn._saved_result, (a * b).grad_fn._saved_other, (a**3).grad_fn._saved_exponent)

    both(code)


def test_hooks_replace_what_was_saved():
    def code(torch, log):
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x * 4, lambda x: x):
            y = a * a
        y.sum().backward()
        log(a.grad)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x.detach(), lambda x: x):
            with torch.autograd.graph.saved_tensors_hooks(lambda x: x.detach() * 2, lambda x: x):
                y = a.exp()
            z = a.exp()
        log(torch.autograd.grad(y.sum(), a), torch.autograd.grad(z.sum(), a))
        b = torch.tensor(2.0, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x.detach(), lambda x: x):
            y = b**3
            (g,) = torch.autograd.grad(y, b, create_graph=True)
        log(g, torch.autograd.grad(g, b))

    both(code)


def test_hooks_that_are_wrong():
    def code(torch, log):
        graph = torch.autograd.graph
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        with graph.saved_tensors_hooks(lambda x: x.detach(), lambda x: 3):
            y = a.exp()
        log.error(y.sum().backward)

        def write(x):
            return x.detach().mul_(2)

        with graph.saved_tensors_hooks(write, lambda x: x):
            log.error((a * 1).exp)

        def refuse(x):
            raise KeyError("no")

        with graph.saved_tensors_hooks(refuse, lambda x: x):
            log.error(a.exp)
            with torch.no_grad():
                log(a.exp())
        with graph.saved_tensors_hooks(lambda x: x.detach(), lambda x: x):
            y = a.exp()
        y.sum().backward()
        try:
            y.sum().backward()
        except RuntimeError as error:
            log("backward through the graph a second time" in str(error))
        with graph.disable_saved_tensors_hooks("outer"), graph.disable_saved_tensors_hooks("inner"):
            log.error(graph.save_on_cpu().__enter__)
        with graph.save_on_cpu():
            log.error(graph.disable_saved_tensors_hooks("too late").__enter__)
            y = a.exp()
        y.sum().backward()
        with graph.save_on_cpu(pin_memory=True):
            y = a.exp()
        y.sum().backward()
        log(a.grad)

    both(code)


def test_hooks_and_functions():
    def code(torch, log):
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, k):
                y = x * x
                ctx.save_for_backward(x, None, y)
                ctx.k = k
                return y * x * k, y

            @staticmethod
            def backward(ctx, g, gy):
                x, nothing, y = ctx.saved_tensors
                log("saved", x, nothing is None, y, x.requires_grad)
                return g * 3 * y * ctx.k + gy * 2 * x, None

        a = torch.tensor([1.0, 2.0], requires_grad=True)
        seen = []

        def pack(x):
            seen.append("pack")
            return x.detach().numpy().copy()

        with torch.autograd.graph.saved_tensors_hooks(pack, torch.from_numpy):
            y, z = Cube.apply(a, 2.0)
        log(len(seen))
        (y.sum() + z.sum()).backward()
        log(a.grad)

    both(code)


def test_mutation():
    def code(torch, log):
        graph = torch.autograd.graph
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        with graph.allow_mutation_on_saved_tensors() as context:
            b = a.clone()
            y = (b**2).sum()
            log(len(context.cloned))
            b.sin_()
            log(len(context.cloned))
            b.add_(1)
            y.backward()
            log(a.grad)
            c = a * 1
            z = c.exp().sum() + (c * c).sum()
            c[0] = 7.0
            c.fill_(3)
            z.backward()
            log(a.grad)
            late = (a * 1).exp().sum()
            log.error(graph.allow_mutation_on_saved_tensors().__enter__)
        log.error(late.backward)

    both(code)


def test_nodes():
    def code(torch, log):
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        leaf = (a * 3).grad_fn.next_functions[0][0]
        log(leaf.name(), leaf.next_functions, leaf.variable, leaf is a.view_as(a).grad_fn.next_functions[0][0])
        x, y = (a * 3).unbind(0)
        log(x.grad_fn is y.grad_fn, [n for _, n in (y * x).grad_fn.next_functions])
        log(x.grad_fn.name(), x.grad_fn.next_functions[0][0].name(), x.output_nr, y.output_nr)
        log(isinstance(x.grad_fn, torch.autograd.graph.Node), isinstance(leaf, torch.autograd.graph.Node))
        log((a * 1).grad_fn._sequence_nr() < (a * 1).grad_fn._sequence_nr())
        x.grad_fn.metadata["note"] = 1
        log(y.grad_fn.metadata)
        a.register_hook(lambda g: log("tensor", g))
        first = leaf.register_prehook(lambda g: log("before", g) or (g[0] * 2,))
        a.register_post_accumulate_grad_hook(lambda p: log("there", p.grad))
        last = leaf.register_hook(lambda gi, go: log("after", gi, go))
        x.grad_fn.register_prehook(lambda g: log("unbind", g))
        x.grad_fn.register_hook(lambda gi, go: log("unbound", gi, go) or (gi[0] * 10,))
        (x * 2 + y).backward(retain_graph=True)
        log(a.grad)
        first.remove()
        last.remove()
        y.backward()
        log(a.grad)
        log(hasattr(x.grad_fn, "_saved_nothing"))  # the message names the class, which is Node here

    both(code)


def test_gradient_edges():
    def code(torch, log):
        graph = torch.autograd.graph
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        b = a * 3
        x, y = b.unbind(0)
        edges = [graph.get_gradient_edge(t) for t in (a, b, x, y)]
        log([(e.node.name(), e.output_nr) for e in edges])
        z = (x * 2 + y * y).sum()
        log(torch.autograd.grad(z, edges, retain_graph=True))
        log(torch.autograd.grad(edges[1], a, torch.ones(2), retain_graph=True))
        log(torch.autograd.grad(edges[3], a, retain_graph=True))
        log(torch.autograd.grad([edges[3], x], [a], [torch.ones(()), torch.ones(()) * 2], retain_graph=True))
        log(torch.autograd.grad(graph.get_gradient_edge(z), edges[0], retain_graph=True))
        torch.autograd.backward(z, inputs=[edges[0]])
        log(a.grad)
        log.error(graph.get_gradient_edge, torch.ones(2))

    both(code)


def test_multi_grad_hooks():
    def code(torch, log):
        register = torch.autograd.graph.register_multi_grad_hook
        a, b = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        c, d = a * b, a * b * 2
        handle = register((a, b, c, d), lambda gs: log("all", gs))
        one = register((a, b, c, d), lambda g: log("any", g), mode="any")
        c.sum().backward(retain_graph=True)
        c.sum().backward(inputs=(a,), retain_graph=True)
        (c * d).sum().backward(retain_graph=True)
        (d.sum() + a.sum()).backward(retain_graph=True)
        torch.autograd.grad(c.sum(), c, retain_graph=True)
        one.remove()
        d.sum().backward(retain_graph=True)
        handle.remove()
        log("removed")
        c.sum().backward()
        log.error(register, (a,), print, mode="other")

    both(code)


def test_versions():
    def code(torch, log):
        a = torch.ones(2, requires_grad=True)
        b = a.exp()
        torch.autograd.graph.increment_version(b)
        try:
            b.sum().backward()
        except RuntimeError as error:
            log("has been modified by an inplace operation" in str(error))
        torch.autograd.graph.increment_version([a, b])
        log.error(torch.autograd.graph.increment_version, [1])

    both(code)
