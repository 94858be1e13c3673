"""A few vector instructions that numba does not find by itself, said in LLVM's portable vector language.

Each compares sixteen (or sixty-four) neighbours at once and gives back a bit per neighbour. LLVM makes of it what the
processor has: AVX2, NEON, or plain code. No bounds are checked: whoever calls pads his arrays. `prefetch` is a hint
and changes no result.
"""

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils as untyped_cgutils
from numba.core import types

# numba's own annotations do not know that an intrinsic loses its first parameter.
intrinsic: Any = extending.intrinsic
cgutils: Any = untyped_cgutils
_I16, _I32, _I64, _F32, _F64 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_LANES = 16


def _element(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def _load16(context: Any, builder: Any, element: Any, array_type: Any, array: Any, index: Any) -> Any:
    pointer = _element(context, builder, array_type, array, index)
    lanes = ir.VectorType(element, _LANES)
    return builder.load(builder.bitcast(pointer, lanes.as_pointer()), align=element_bytes(element))


def element_bytes(element: Any) -> int:
    """Size of an LLVM number type."""
    return {_I16: 2, _F32: 4, _F64: 8}[element]


def _splat16(builder: Any, element: Any, value: Any) -> Any:
    lanes = ir.VectorType(element, _LANES)
    one = builder.insert_element(ir.Constant(lanes, ir.Undefined), value, _I32(0))
    zeros = ir.Constant(ir.VectorType(_I32, _LANES), [0] * _LANES)
    return builder.shuffle_vector(one, ir.Constant(lanes, ir.Undefined), zeros)


def _bits(builder: Any, lanes: Any) -> Any:
    """Sixteen comparisons as the low bits of an int64."""
    return builder.zext(builder.bitcast(lanes, _I16), _I64)


@intrinsic
def above_of_64(typing_context: Any, x: Any, y: Any, at: Any) -> Any:
    """Bit i of the uint64: `x[at + i] > y[at + i]`, both int16 arrays."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = _I64(0)
        for quarter in range(4):
            index = builder.add(args[2], _I64(_LANES * quarter))
            left = _load16(context, builder, _I16, signature.args[0], args[0], index)
            right = _load16(context, builder, _I16, signature.args[1], args[1], index)
            found = _bits(builder, builder.icmp_signed(">", left, right))
            word = builder.or_(word, builder.shl(found, _I64(_LANES * quarter)))
        return word

    return types.uint64(x, y, types.int64), generate


@intrinsic
def compare_16(typing_context: Any, x: Any, at: Any, level: Any) -> Any:
    """Bit i of the int64: `x[at + i] > level`; bit 16 + i: `x[at + i] == level`. `x` and `level` are int16."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = _load16(context, builder, _I16, signature.args[0], args[0], args[1])
        levels = _splat16(builder, _I16, args[2])
        above = _bits(builder, builder.icmp_signed(">", lanes, levels))
        equal = _bits(builder, builder.icmp_signed("==", lanes, levels))
        return builder.or_(above, builder.shl(equal, _I64(_LANES)))

    return types.int64(x, types.int64, types.int16), generate


@intrinsic
def touched_16(typing_context: Any, low: Any, high: Any, at: Any, lower: Any, upper: Any) -> Any:
    """Bit i of the uint64: `low[at + i] <= lower or high[at + i] >= upper`, all float32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lows = _load16(context, builder, _F32, signature.args[0], args[0], args[2])
        highs = _load16(context, builder, _F32, signature.args[1], args[1], args[2])
        below = builder.fcmp_ordered("<=", lows, _splat16(builder, _F32, args[3]))
        above = builder.fcmp_ordered(">=", highs, _splat16(builder, _F32, args[4]))
        return _bits(builder, builder.or_(below, above))

    return types.uint64(low, high, types.int64, types.float32, types.float32), generate


def _extreme(builder: Any, operator: str, x: Any, y: Any) -> Any:
    """Lane by lane the lesser ("<") or the greater (">") of two vectors or numbers, none of them NaN."""
    return builder.select(builder.fcmp_ordered(operator, x, y), x, y)


def _extreme_of_lanes(builder: Any, operator: str, lanes: Any) -> Any:
    """The extreme lane of sixteen, by halving: eight with eight, four with four, down to one."""
    width = _LANES
    while width > 1:
        width //= 2
        nothing = ir.Constant(lanes.type, ir.Undefined)
        numbers = ir.VectorType(_I32, width)
        left = builder.shuffle_vector(lanes, nothing, ir.Constant(numbers, list(range(width))))
        right = builder.shuffle_vector(lanes, nothing, ir.Constant(numbers, list(range(width, 2 * width))))
        lanes = _extreme(builder, operator, left, right)
    return builder.extract_element(lanes, _I32(0))


@intrinsic
def extremes(typing_context: Any, lows: Any, highs: Any, start: Any, stop: Any) -> Any:
    """Least of `lows[start:stop]` and greatest of `highs[start:stop]`, float64, of at least sixteen elements."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low_array, high_array, first, end = args
        # The last sixteen begin and end the search; those before go in steps of sixteen and may overlap them.
        last = builder.sub(end, _I64(_LANES))
        low = _load16(context, builder, _F64, signature.args[0], low_array, last)
        high = _load16(context, builder, _F64, signature.args[1], high_array, last)
        low_at = cgutils.alloca_once_value(builder, low)
        high_at = cgutils.alloca_once_value(builder, high)
        with cgutils.for_range_slice(builder, first, last, _I64(_LANES), _I64) as (at, _):
            low = _load16(context, builder, _F64, signature.args[0], low_array, at)
            high = _load16(context, builder, _F64, signature.args[1], high_array, at)
            builder.store(_extreme(builder, "<", builder.load(low_at), low), low_at)
            builder.store(_extreme(builder, ">", builder.load(high_at), high), high_at)
        least = _extreme_of_lanes(builder, "<", builder.load(low_at))
        greatest = _extreme_of_lanes(builder, ">", builder.load(high_at))
        return context.make_tuple(builder, signature.return_type, [least, greatest])

    pair: Any = types.UniTuple(types.float64, 2)  # type: ignore[no-untyped-call]
    return pair(lows, highs, types.int64, types.int64), generate


@intrinsic
def lowest_bit(typing_context: Any, word: Any) -> Any:
    """Index of the lowest set bit of a uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate


@intrinsic
def prefetch(typing_context: Any, array: Any, row: Any) -> Any:
    """Ask for the cache line at the beginning of a row (of a matrix) or an element (of a vector)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, args[0])
        stride = cgutils.unpack_tuple(builder, made.strides)[0]
        byte = ir.IntType(8).as_pointer()
        pointer = builder.gep(builder.bitcast(made.data, byte), [builder.mul(args[1], stride)])
        hint = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
        function = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch.p0")
        builder.call(function, [pointer, _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate
