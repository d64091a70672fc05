"""A hint to the processor: we shall need this record soon.

With a million devices almost every record a reading touches is far from the cache. Asking for those of later rows
while the present one is judged hides most of that: measured by bench/engine.py.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def prefetch(_typing_context: Any, array: Any, index: Any) -> Any:
    """prefetch(array, index): ask for `array[index]`, to be written, in all caches. The index must be valid."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, _ = signature.args
        view = context.make_array(array_type)(context, builder, arguments[0])
        item = cgutils.get_item_pointer(context, builder, array_type, view, [arguments[1]], wraparound=False)
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        hint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, word, word, word]), "llvm.prefetch.p0"
        )
        for_writing, keep_in_all_caches, data = word(1), word(3), word(1)
        builder.call(hint, [builder.bitcast(item, byte), for_writing, keep_in_all_caches, data])
        return context.get_dummy_value()

    return types.void(array, index), generate
