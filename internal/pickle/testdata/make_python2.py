"""Writes batch_python2_p<N>.pkl beside this file: run `python2.7 make_python2.py`.

The batch is the one of make.py, as Python 2 writes it (CIFAR's home made its files so): str where Python 3 has bytes.
numpy need not be there: classes of the same names pickle themselves the way numpy's do.
"""
import cPickle
import os
import sys
import types

multiarray = types.ModuleType("numpy.core.multiarray")
numpy = types.ModuleType("numpy")
sys.modules.update({"numpy": numpy, "numpy.core": types.ModuleType("numpy.core"), "numpy.core.multiarray": multiarray})


class dtype(object):
    __module__ = "numpy"

    def __reduce__(self):
        return dtype, ("u1", 0, 1), (3, "|", None, None, None, -1, -1, 0)


class ndarray(object):
    __module__ = "numpy"

    def __init__(self, shape, data):
        self.shape, self.data = shape, data

    def __reduce__(self):
        return _reconstruct, (ndarray, (0,), "b"), (1, self.shape, dtype(), False, self.data)


def _reconstruct(*args):
    raise NotImplementedError


_reconstruct.__module__ = "numpy.core.multiarray"
multiarray._reconstruct, numpy.ndarray, numpy.dtype = _reconstruct, ndarray, dtype

batch = {
    "batch_label": "training batch 1 of 5",
    "labels": [6, 9],
    "data": ndarray((2, 12), "".join(chr(10 * i) for i in range(24))),
    "filenames": ["leptodactylus_pentadactylus_s_000004.png", "camion_s_000148.png"],
}
for protocol in range(3):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "batch_python2_p%d.pkl" % protocol)
    with open(path, "wb") as f:
        cPickle.dump(batch, f, protocol)
