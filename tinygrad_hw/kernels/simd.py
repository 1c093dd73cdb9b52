"""Tiles of sums that stay in vector registers, written in LLVM's language.

A compiler keeps sums of a loop in registers only where it sees that they are few and meet nothing else, and numba's
loops over arrays do not show it that. These few functions say it: all sums are values, each step loads each operand
once, and every product meets ``rows x columns`` sums. They are inlined in the kernels that call them.

    tile:   sums[m, q] = bias[m] + sum_k weights[k, m] * image[offsets[k] + q]         24 vectors of 16 floats
    outer:  sums[k, o] = sum_{r, q} image[offsets[k] + r * pitch + q * step] * g[r, q, o]

With 32 registers of 512 bits a tile has 8 x 3 vectors; with 16 registers 4 x 3. Of the machine's peak, which is two
multiply-adds of whole vectors a cycle, they reach 0.95 from the first-level cache and 0.85 from the second.
"""

from __future__ import annotations

import functools
from typing import Any

from tinygrad_hw.kernels.runtime import Intrinsic

__all__ = [
    "Writer",
    "copy_halves",
    "copy_lines",
    "dots_1",
    "dots_6",
    "dots_taps",
    "lanes",
    "tile_1",
    "tile_2",
    "tile_3",
    "tile_one",
    "tile_rows",
]


@functools.cache
def _registers() -> tuple[int, int]:
    """Return how many vector registers numba may use, and their bytes."""
    from llvmlite import binding
    from numba.core.registry import cpu_target

    features = str(cpu_target.target_context.codegen()._tm_features)
    if binding.get_process_triple().startswith(("aarch64", "arm64")):
        return 32, 16
    if "+avx512f" in features:
        return 32, 64
    return 16, 32 if "+avx" in features else 16


def tile_rows() -> int:
    """Return how many rows a tile has: channels that are worked on at a time."""
    return 8 if _registers()[0] == 32 else 4


def lanes(itemsize: int) -> int:
    """Return how many numbers of ``itemsize`` bytes a vector has."""
    return _registers()[1] // itemsize


class Writer:
    """What the functions below have in common: types, and short names for LLVM's instructions."""

    def __init__(self, context: Any, builder: Any, array: Any) -> None:
        from llvmlite import ir

        self.ir, self.context, self.builder = ir, context, builder
        self.index = ir.IntType(64)
        self.word = ir.IntType(32)
        self.number = context.get_data_type(array.dtype)
        self.size = array.dtype.bitwidth // 8
        self.lanes = lanes(self.size)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)

    def at(self, kind: Any, array: Any, *places: Any) -> Any:
        """Return the address of an array's element."""
        return self.step(self.context.make_array(kind)(self.context, self.builder, array).data, *places)

    def step(self, address: Any, *places: Any) -> Any:
        """Return the address that is that many numbers further."""
        for place in places:
            address = self.builder.gep(address, [self.constant(place) if isinstance(place, int) else place])
        return address

    def constant(self, value: int) -> Any:
        """Return an index."""
        return self.ir.Constant(self.index, value)

    def times(self, a: Any, b: int) -> Any:
        """Return an index times a number."""
        return self.builder.mul(a, self.constant(b))

    def splat(self, value: Any) -> Any:
        """Return a vector with the same value in each lane."""
        kind = self.ir.VectorType(value.type, self.lanes)
        undefined = self.ir.Constant(kind, self.ir.Undefined)
        one = self.builder.insert_element(undefined, value, self.ir.Constant(self.word, 0))
        return self.shuffle(one, undefined, [0] * self.lanes)

    def shuffle(self, a: Any, b: Any, order: list[int]) -> Any:
        """Return lanes of two vectors: those of ``b`` are counted on from ``a``'s."""
        return self.builder.shuffle_vector(a, b, self.ir.Constant(self.ir.VectorType(self.word, len(order)), order))

    def load(self, address: Any, lanes: int | None = None) -> Any:
        """Return a vector."""
        kind = self.ir.VectorType(self.number, lanes or self.lanes)
        value = self.builder.load(self.builder.bitcast(address, kind.as_pointer()))
        value.align = self.size
        return value

    def store(self, value: Any, address: Any) -> None:
        """Write a vector."""
        self.builder.store(value, self.builder.bitcast(address, value.type.as_pointer()), align=self.size)

    def first(self, count: Any) -> Any:
        """Return a mask of the first ``count`` lanes."""
        kind = self.ir.VectorType(self.word, self.lanes)
        return self.builder.icmp_signed(
            "<", self.ir.Constant(kind, list(range(self.lanes))), self.splat(self.builder.trunc(count, self.word))
        )

    def _masked(self, what: str, result: Any, *arguments: Any) -> Any:
        from numba.core import cgutils

        name = f"llvm.masked.{what}.v{self.lanes}f{8 * self.size}.p0"
        kind = self.ir.FunctionType(result, [a.type for a in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    def load_first(self, address: Any, mask: Any) -> Any:
        """Return a vector with zeros where the mask is off; nothing is read there."""
        place = self.builder.bitcast(address, self.vector.as_pointer())
        return self._masked("load", self.vector, place, self.ir.Constant(self.word, self.size), mask, self.zero)

    def store_first(self, value: Any, address: Any, mask: Any) -> None:
        """Write the lanes where the mask is on."""
        place = self.builder.bitcast(address, self.vector.as_pointer())
        self._masked("store", self.ir.VoidType(), value, place, self.ir.Constant(self.word, self.size), mask)

    def variables(self, *starts: Any) -> list[Any]:
        """Return places for vectors, which LLVM turns into registers."""
        from numba.core import cgutils

        places = []
        for start in starts:
            places.append(cgutils.alloca_once(self.builder, self.vector))
            self.builder.store(start, places[-1])
        return places

    def add_product(self, place: Any, a: Any, b: Any) -> None:
        """Add ``a * b`` to a variable, in one instruction where there is one."""
        product = self.builder.fmul(a, b, flags=("contract",))
        self.builder.store(self.builder.fadd(self.builder.load(place), product, flags=("contract",)), place)

    def loop(self, first: Any, last: Any) -> Any:
        """Return a context in which code is repeated; it gives the number of the round."""
        from numba.core import cgutils

        return cgutils.for_range_slice(self.builder, first, last, self.constant(1), self.index)

    def cross_sums(self, vectors: list[Any]) -> Any:
        """Return the sums of the lanes of 2, 4, ... vectors, as one vector of as many lanes."""
        group = self.lanes
        while len(vectors) > 1 and group > 1:
            half = group // 2
            low = [s + i for s in range(0, 2 * self.lanes, group) for i in range(half)]
            high = [i + half for i in low]
            vectors = [
                self.builder.fadd(self.shuffle(a, b, low), self.shuffle(a, b, high), flags=("contract",))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
            group = half
        while len(vectors) > 1:  # there are more vectors than lanes
            every = list(range(2 * vectors[0].type.count))
            vectors = [self.shuffle(a, b, every) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
        (sums,) = vectors
        while group > 1:
            half = group // 2
            low = [s + i for s in range(0, sums.type.count, group) for i in range(half)]
            high = [i + half for i in low]
            sums = self.builder.fadd(self.shuffle(sums, sums, low), self.shuffle(sums, sums, high), flags=("contract",))
            group = half
        return sums

    def cross_sum(self, vector: Any) -> Any:
        """Return the sum of a vector's lanes, in the first lane."""
        half = self.lanes // 2
        while half:
            order = [i ^ half for i in range(self.lanes)]
            vector = self.builder.fadd(vector, self.shuffle(vector, vector, order), flags=("contract",))
            half //= 2
        return vector


def _tile(rows: Any, columns: int) -> Intrinsic:
    """Return a function that makes a tile of ``rows()`` x ``columns`` vectors."""

    def make() -> Any:
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def tile(
            typing: Any, image: Any, at: Any, offsets: Any, first: Any, last: Any, weights: Any, weight: Any, bias: Any,
            channel: Any, begin: Any, out: Any, place: Any, leap: Any, n: Any, here: Any,
        ) -> Any:  # fmt: skip
            def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                kinds = signature.args
                (
                    image,
                    at,
                    offsets,
                    first,
                    last,
                    weights,
                    weight,
                    bias,
                    channel,
                    begin,
                    out,
                    place,
                    leap,
                    n,
                    here,
                ) = values
                w = Writer(context, builder, kinds[0])
                image = w.at(kinds[0], image, at)
                offsets = w.at(kinds[2], offsets)
                weights = w.at(kinds[5], weights, weight)
                bias = w.at(kinds[7], bias, channel)
                out = w.at(kinds[10], out, place)
                count = rows()
                sums = []
                for m in range(count):
                    start = builder.select(begin, w.splat(builder.load(w.step(bias, m))), w.zero)
                    sums.append(w.variables(*[start] * columns))
                with w.loop(first, last) as (k, _):
                    seen = w.step(image, builder.load(w.step(offsets, k)))
                    xs = [w.load(w.step(seen, v * w.lanes)) for v in range(columns)]
                    here_weights = w.step(weights, w.times(k, count))
                    for m in range(count):
                        factor = w.splat(builder.load(w.step(here_weights, m)))
                        for v in range(columns):
                            w.add_product(sums[m][v], factor, xs[v])
                whole = builder.icmp_signed(">=", n, w.constant(columns * w.lanes))
                masks = [w.first(builder.sub(n, w.constant(v * w.lanes))) for v in range(columns)]
                go_on = w.splat(builder.not_(begin))
                for m in range(count):
                    with builder.if_then(builder.icmp_signed(">", here, w.constant(m))):
                        row = w.step(out, w.times(leap, m))
                        places = [w.step(row, v * w.lanes) for v in range(columns)]
                        results = []
                        for total, address, mask in zip(sums[m], places, masks, strict=True):
                            before = w.load_first(address, builder.and_(mask, go_on))
                            results.append(builder.fadd(builder.load(total), before))
                        with builder.if_else(whole) as (then, otherwise):
                            with then:
                                for value, address in zip(results, places, strict=True):
                                    w.store(value, address)
                            with otherwise:
                                for value, address, mask in zip(results, places, masks, strict=True):
                                    w.store_first(value, address, mask)
                return context.get_dummy_value()

            i = types.int64
            return types.void(
                image, i, offsets, i, i, weights, i, bias, i, types.boolean, out, i, i, i, i
            ), build  # fmt: skip

        return tile

    return Intrinsic(make)


#: tile_v(image, at, offsets, first, last, weights, weight, bias, channel, begin, out, place, leap, n, here)
#:
#: Sums of ``weights[weight + k * rows + m] * image[at + offsets[k] + q]`` over k from ``first`` to ``last`` go to
#: ``out[place + m * leap + q]`` for m below ``here`` and q below ``n``: with ``bias[channel + m]`` if ``begin``, else
#: added to what is there. All of v vectors is read, whatever ``n``.
tile_3 = _tile(tile_rows, 3)
tile_2 = _tile(tile_rows, 2)
tile_1 = _tile(tile_rows, 1)
#: The same with one row, of eight vectors.
tile_one = _tile(lambda: 1, 8)


def _outer(columns: int) -> Intrinsic:
    """Return a function that adds outer products to a tile of ``columns`` vectors in a row."""

    def make() -> Any:
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def outer(
            typing: Any, image: Any, see: Any, offsets: Any, k: Any, pitch: Any, step: Any, g: Any, at: Any, lines: Any,
            n: Any, out: Any, place: Any,
        ) -> Any:  # fmt: skip
            def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                kinds = signature.args
                image, see, offsets, k, pitch, step, g, at, lines, n, out, place = values
                w = Writer(context, builder, kinds[0])
                image = w.at(kinds[0], image, see)
                offsets = w.at(kinds[2], offsets, k)
                g = w.at(kinds[6], g, at)
                out = w.at(kinds[10], out, place)
                width = columns * w.lanes
                targets = [
                    [w.step(out, m * width + v * w.lanes) for v in range(columns)] for m in range(outer_rows(columns))
                ]
                sums = [w.variables(*[w.load(t) for t in row]) for row in targets]
                seen = [w.step(image, builder.load(w.step(offsets, m))) for m in range(len(sums))]
                none = w.constant(0)
                with w.loop(none, lines) as (r, _), w.loop(none, n) as (q, _):
                    there = builder.add(builder.mul(r, pitch), builder.mul(q, step))
                    here = w.step(g, w.times(builder.add(builder.mul(r, n), q), width))
                    gs = [w.load(w.step(here, v * w.lanes)) for v in range(columns)]
                    for m, row in enumerate(sums):
                        factor = w.splat(builder.load(w.step(seen[m], there)))
                        for v in range(columns):
                            w.add_product(row[v], factor, gs[v])
                for row, places in zip(sums, targets, strict=True):
                    for total, target in zip(row, places, strict=True):
                        w.store(builder.load(total), target)
                return context.get_dummy_value()

            i = types.int64
            return types.void(image, i, offsets, i, i, i, g, i, i, i, out, i), build

        return outer

    return Intrinsic(make)


def outer_rows(columns: int) -> int:
    """Return how many rows a tile of outer products with ``columns`` vectors has."""
    return (12, 12, 8, 6)[columns - 1] if _registers()[0] == 32 else (12, 6, 4, 3)[columns - 1]


#: outer_v(image, see, offsets, k, pitch, step, g, at, lines, n, out, place)
#:
#: Adds to ``out[place + m * width + o]`` the sum of products of ``image[see + offsets[k + m] + r * pitch + q * step]``
#: and ``g[at + (r * n + q) * width + o]`` over r below ``lines`` and q below ``n``, for m below ``outer_rows(v)`` and o
#: below the width, which is v vectors.
outer_1 = _outer(1)
outer_2 = _outer(2)
outer_3 = _outer(3)
outer_4 = _outer(4)


def _turn() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def turn(typing: Any, source: Any, s: Any, leap: Any, rows: Any, n: Any, target: Any, t: Any, width: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            source, s, leap, rows, n, target, t, width = values
            w = Writer(context, builder, signature.args[0])
            source = w.at(signature.args[0], source, s)
            target = w.at(signature.args[5], target, t)
            none = w.constant(0)
            vectors = []
            for m in range(w.lanes):
                is_there = builder.icmp_signed("<", w.constant(m), rows)
                mask = w.first(builder.select(is_there, n, none))
                vectors.append(w.load_first(w.step(source, w.times(leap, m)), mask))
            # Exchange ever smaller blocks that are on the wrong side of the diagonal.
            half = w.lanes // 2
            while half:
                for m in range(w.lanes):
                    if not m & half:
                        a, b = vectors[m], vectors[m + half]
                        low = [i if not i & half else w.lanes + i - half for i in range(w.lanes)]
                        high = [i + half if not i & half else w.lanes + i for i in range(w.lanes)]
                        vectors[m], vectors[m + half] = w.shuffle(a, b, low), w.shuffle(a, b, high)
                half //= 2
            for m, vector in enumerate(vectors):
                w.store(vector, w.step(target, w.times(width, m)))
            return context.get_dummy_value()

        i = types.int64
        return types.void(source, i, i, i, i, target, i, i), build

    return turn


#: turn(source, s, leap, rows, n, target, t, width): write a transposed square, of as many lines as a vector has lanes.
#:
#: ``target[t + q * width + m] = source[s + m * leap + q]`` for m below ``rows`` and q below ``n``, and 0 for others.
turn = Intrinsic(_turn)


def _exchanges(rows: int, lanes: int) -> tuple[list[tuple[int, int, list[int], list[int]]], list[int]]:
    """Return how ``rows`` vectors become lines of ``rows`` numbers, one after the other.

    Each step takes two vectors and makes two of them, whose lanes are given in the order of both. Numbers change places
    by one bit of their vector's and one bit of their lane's number at a time. The last list says in which order the
    vectors are to be written.
    """
    # What a lane holds: its number in the result, of row m and column k.
    held = [[k * rows + m for k in range(lanes)] for m in range(rows)]
    steps = []
    half, column = 1, lanes // 2
    while half < min(rows, lanes):
        for m in range(rows):
            if not m & half:
                both = held[m] + held[m + half]
                places = sorted(range(2 * lanes), key=both.__getitem__)
                low = [place for place in places if not both[place] // rows & column]
                high = [place for place in places if both[place] // rows & column]
                steps.append((m, m + half, low, high))
                held[m], held[m + half] = [both[place] for place in low], [both[place] for place in high]
        half, column = 2 * half, column // 2
    return steps, sorted(range(rows), key=lambda m: held[m][0])


def _turn_panel() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def turn_panel(typing: Any, source: Any, s: Any, leap: Any, rows: Any, n: Any, target: Any, t: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            source, s, leap, rows, n, target, t = values
            w = Writer(context, builder, signature.args[0])
            source = w.at(signature.args[0], source, s)
            target = w.at(signature.args[5], target, t)
            count, none = tile_rows(), w.constant(0)
            vectors = []
            for m in range(count):
                is_there = builder.icmp_signed("<", w.constant(m), rows)
                mask = w.first(builder.select(is_there, n, none))
                vectors.append(w.load_first(w.step(source, w.times(leap, m)), mask))
            steps, order = _exchanges(count, w.lanes)
            for i, j, low, high in steps:
                a, b = vectors[i], vectors[j]
                vectors[i], vectors[j] = w.shuffle(a, b, low), w.shuffle(a, b, high)
            for place, m in enumerate(order):
                w.store(vectors[m], w.step(target, place * w.lanes))
            return context.get_dummy_value()

        i = types.int64
        return types.void(source, i, i, i, i, target, i), build

    return turn_panel


#: turn_panel(source, s, leap, rows, n, target, t): write a vector's columns of a tile's rows, one after the other.
#:
#: ``target[t + q * tile_rows() + m] = source[s + m * leap + q]`` for m below ``rows`` and q below ``n``, and 0 for
#: others, up to the number of lanes.
turn_panel = Intrinsic(_turn_panel)


def _dots(rows: int) -> Intrinsic:
    """Return a function that adds dot products with ``rows`` rows."""

    def make() -> Any:
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def dots(
            typing: Any, image: Any, see: Any, offsets: Any, k: Any, g: Any, at: Any, leap: Any, here: Any, n: Any,
            out: Any, place: Any,
        ) -> Any:  # fmt: skip
            def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                kinds = signature.args
                image, see, offsets, k, g, at, leap, here, n, out, place = values
                w = Writer(context, builder, kinds[0])
                image = w.at(kinds[0], image, see)
                offsets = w.at(kinds[2], offsets, k)
                g = w.at(kinds[4], g, at)
                out = w.at(kinds[9], out, place)
                taps = dots_taps(rows)
                sums = [w.variables(*[w.zero] * taps) for _ in range(rows)]
                seen = [w.step(image, builder.load(w.step(offsets, t))) for t in range(taps)]
                # Rows that are not there are read from the last one.
                last = builder.sub(here, w.constant(1))
                lines = []
                for m in range(rows):
                    inside = builder.icmp_signed("<", w.constant(m), here)
                    lines.append(w.step(g, builder.mul(leap, builder.select(inside, w.constant(m), last))))
                vectors = builder.sdiv(builder.add(n, w.constant(w.lanes - 1)), w.constant(w.lanes))
                with w.loop(w.constant(0), vectors) as (v, _):
                    q = w.times(v, w.lanes)
                    # Masked, because what follows may be infinite, and 0 times that is nan.
                    mask = w.first(builder.sub(n, q))
                    xs = [w.load_first(w.step(s, q), mask) for s in seen]
                    for line, row in zip(lines, sums, strict=True):
                        factor = w.load_first(w.step(line, q), mask)
                        for total, x in zip(row, xs, strict=True):
                            w.add_product(total, factor, x)
                for m, row in enumerate(sums):
                    for t, total in enumerate(row):
                        target = w.step(out, t * rows + m)
                        value = builder.extract_element(w.cross_sum(builder.load(total)), w.ir.Constant(w.word, 0))
                        builder.store(builder.fadd(builder.load(target), value), target)
                return context.get_dummy_value()

            i = types.int64
            return types.void(image, i, offsets, i, g, i, i, i, i, out, i), build

        return dots

    return Intrinsic(make)


def dots_taps(rows: int) -> int:
    """Return how many places of a window ``dots`` takes at a time; 9 are those of a 3x3 window."""
    if rows == 1:
        return 9
    return 4 if _registers()[0] == 32 else 2


#: dots_m(image, see, offsets, k, g, at, leap, here, n, out, place)
#:
#: Adds to ``out[place + t * rows + m]`` the sum of ``g[at + m * leap + q] * image[see + offsets[k + t] + q]`` over q
#: below ``n``, for t below ``dots_taps(rows)`` and m below ``here``.
dots_1 = _dots(1)
dots_6 = _dots(6)


def _rows_by_rows() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def rows_by_rows(
        typing: Any, a: Any, at: Any, leap: Any, here: Any, b: Any, b_at: Any, b_leap: Any, b_here: Any, n: Any,
        out: Any, place: Any, width: Any,
    ) -> Any:  # fmt: skip
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kinds = signature.args
            a, at, leap, here, b, b_at, b_leap, b_here, n, out, place, width = values
            w = Writer(context, builder, kinds[0])

            def lines(first: Any, step: Any, count: int, there: Any) -> list[Any]:
                # Rows that are not there are read from the last one.
                last = builder.sub(there, w.constant(1))
                numbers = [
                    builder.select(builder.icmp_signed("<", w.constant(m), there), w.constant(m), last)
                    for m in range(count)
                ]
                return [w.step(first, builder.mul(step, m)) for m in numbers]

            columns = dots_taps(6)
            left = lines(w.at(kinds[0], a, at), leap, 6, here)
            right = lines(w.at(kinds[4], b, b_at), b_leap, columns, b_here)
            out = w.at(kinds[9], out, place)
            sums = [w.variables(*[w.zero] * columns) for _ in left]
            vectors = builder.sdiv(builder.add(n, w.constant(w.lanes - 1)), w.constant(w.lanes))
            with w.loop(w.constant(0), vectors) as (v, _):
                q = w.times(v, w.lanes)
                mask = w.first(builder.sub(n, q))
                xs = [w.load_first(w.step(line, q), mask) for line in right]
                for line, row in zip(left, sums, strict=True):
                    factor = w.load_first(w.step(line, q), mask)
                    for total, x in zip(row, xs, strict=True):
                        w.add_product(total, factor, x)
            whole = builder.icmp_signed("==", b_here, w.constant(columns))
            for m, row in enumerate(sums):
                totals = w.cross_sums([builder.load(total) for total in row])
                with builder.if_then(builder.icmp_signed(">", here, w.constant(m))):
                    target = w.step(out, w.times(width, m))
                    with builder.if_else(whole) as (then, otherwise):
                        with then:
                            w.store(builder.fadd(w.load(target, columns), totals), target)
                        with otherwise:
                            for t in range(columns - 1):
                                with builder.if_then(builder.icmp_signed(">", b_here, w.constant(t))):
                                    one = w.step(target, t)
                                    value = builder.extract_element(totals, w.ir.Constant(w.word, t))
                                    builder.store(builder.fadd(builder.load(one), value), one)
            return context.get_dummy_value()

        i = types.int64
        return types.void(a, i, i, i, b, i, i, i, i, out, i, i), build

    return rows_by_rows


#: rows_by_rows(a, at, leap, here, b, b_at, b_leap, b_here, n, out, place, width)
#:
#: Adds to ``out[place + m * width + t]`` the dot products of rows of ``n`` numbers, ``a[at + m * leap]`` and
#: ``b[b_at + t * b_leap]`` on, for m below ``here``, at most 6, and t below ``b_here``, at most ``dots_taps(6)``.
rows_by_rows = Intrinsic(_rows_by_rows)


def _copy_lines(step: int) -> Intrinsic:
    """Return a function that copies lines of every ``step``-th number."""

    def make() -> Any:
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def copy_lines(
            typing: Any, source: Any, s: Any, s_leap: Any, target: Any, t: Any, t_leap: Any, n: Any, lines: Any
        ) -> Any:
            def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                source, s, s_leap, target, t, t_leap, n, lines = values
                w = Writer(context, builder, signature.args[0])
                source = w.at(signature.args[0], source, s)
                target = w.at(signature.args[3], target, t)
                vectors = builder.sdiv(builder.add(n, w.constant(w.lanes - 1)), w.constant(w.lanes))
                with w.loop(w.constant(0), vectors) as (v, _):
                    q = w.times(v, w.lanes)
                    left = builder.sub(n, q)
                    mask = w.first(left)
                    # Of n numbers the last has no successor: nothing beyond it is read.
                    span = builder.sub(w.times(left, step), w.constant(step - 1))
                    masks = [w.first(builder.sub(span, w.constant(i * w.lanes))) for i in range(step)]
                    from_here = w.step(source, w.times(q, step))
                    to_here = w.step(target, q)
                    with w.loop(w.constant(0), lines) as (line, _):
                        at = w.step(from_here, builder.mul(line, s_leap))
                        parts = [w.load_first(w.step(at, i * w.lanes), m) for i, m in enumerate(masks)]
                        value = parts[0]
                        if step == 2:
                            value = w.shuffle(*parts, list(range(0, 2 * w.lanes, 2)))
                        w.store_first(value, w.step(to_here, builder.mul(line, t_leap)), mask)
                return context.get_dummy_value()

            i = types.int64
            return types.void(source, i, i, target, i, i, i, i), build

        return copy_lines

    return Intrinsic(make)


#: copy_lines(source, s, s_leap, target, t, t_leap, n, lines): copy ``lines`` times ``n`` numbers from ``source[s]`` on
#: to ``target[t]`` on; good for short lines.
copy_lines = _copy_lines(1)
#: The same, of every second number of the source.
copy_halves = _copy_lines(2)
