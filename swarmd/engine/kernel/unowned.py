"""Arrays that are not counted: how kernels of many small steps keep off the reference counters.

Numba counts references to an array's memory, with atomic operations, wherever an array or a tuple of arrays passes
through code with more than one way out. In a run of ten microseconds that was nine tenths of the time, and all threads
write to the same counters. A kernel that takes its arrays as arguments need not count: its caller holds them.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _lent(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value=value)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        kinds: Any = kind
        parts = [_lent(context, builder, of, builder.extract_value(value, at)) for at, of in enumerate(kinds.types)]
        return context.make_tuple(builder, kind, parts)
    return value


def _unowned(typing_context: Any, arrays: Any) -> Any:
    if not isinstance(arrays, types.Array | types.BaseTuple):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _lent(context, builder, arrays, arguments[0])

    return arrays(arrays), generate


# `unowned(array)`, or of a tuple of arrays, in compiled code is the same without its owner. Only for arguments of the
# function that says it: what the function made itself would be freed under its hands after its last use by name.
unowned: Any = intrinsic(_unowned)
