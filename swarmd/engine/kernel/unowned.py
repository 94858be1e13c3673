"""Arrays that are not counted: how kernels of many small steps keep off the reference counters.

Numba counts references to an array's memory, with atomic operations, wherever an array or a tuple of arrays passes
through code with more than one way out. In a run of ten microseconds that was nine tenths of the time, and all threads
write to the same counters. A kernel that takes its arrays as arguments need not count: its caller holds them.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _unowned(typing_context: Any, array: Any) -> Any:
    if not isinstance(array, types.Array):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lent = context.make_array(array)(context, builder, value=arguments[0])
        lent.meminfo = ir.Constant(lent.meminfo.type, None)
        return lent._getvalue()

    return array(array), generate


# `unowned(array)` in compiled code is the same array without its owner. Only for arguments of the function that says
# it: what the function made itself would be freed under its hands after its last use by name.
unowned: Any = intrinsic(_unowned)
