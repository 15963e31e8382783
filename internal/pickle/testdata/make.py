"""Writes the pickles beside this file: run `python3 make.py` with numpy 1.24.

`batch_p<N>.pkl` is a batch in CIFAR's Python layout, of two images of 12 bytes, in protocol N.
`values_p<N>.pkl` has one of each kind of value.
"""
import collections
import os
import pickle

import numpy

here = os.path.dirname(os.path.abspath(__file__))


def write(name, value, protocol):
    with open(os.path.join(here, f"{name}_p{protocol}.pkl"), "wb") as f:
        pickle.dump(value, f, protocol=protocol)


batch = {
    b"batch_label": b"training batch 1 of 5",
    b"labels": [6, 9],
    b"data": (numpy.arange(24, dtype=numpy.uint8) * 10).reshape(2, 12),
    b"filenames": [b"leptodactylus_pentadactylus_s_000004.png", b"camion_s_000148.png"],
}
same = [1]
values = collections.OrderedDict(
    none=None,
    true=True,
    false=False,
    ints=[0, -1, 255, 256, 65535, 65536, -(2**31), 2**31, -(2**63), 2**63 - 1],
    large=[0x1950A86A20F9469CFC6C, -(2**80)],
    floats=[0.0, -1.5, 1e300, float("inf")],
    text="h\u00e9llo \u4e16\U0001f600 \\ \n '",
    bytes=bytes(range(256)),
    nothing=b"",
    tuples=((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    shared=[same, same],
    fortran=numpy.asfortranarray(numpy.array([[1, 2, 3], [4, 5, 6]], dtype=numpy.int16)),
    big_endian=numpy.array([1, -2, 300], dtype=">i4"),
    scalar=numpy.float64(0.25),
)
for protocol in range(6):
    write("batch", batch, protocol)
    write("values", values, protocol)
