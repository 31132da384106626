# SPDX-License-Identifier: Apache-2.0
"""Writes the peers' own samples and split as an archive that `--set data=npz:FILE --set split=natural` takes.

    python3 peers_data.py PEERS mlp|tiny FILE      PEERS is the folder of the peers' scripts, whose common.py deals
"""
import sys

import numpy

sys.path.insert(0, sys.argv[1])
import common  # noqa: E402: it is found by the line above

x, y, offsets, test_x, test_y = common.load(sys.argv[2])
clients = numpy.repeat(numpy.arange(len(offsets) - 1, dtype=numpy.int32), numpy.diff(offsets))


def features(values):
    """Images are kept as bytes, of which the reader takes the 255th part as the peers do."""
    values = numpy.asarray(values)
    return numpy.rint(values * 255).astype(numpy.uint8) if sys.argv[2] == "mlp" else values


numpy.savez(sys.argv[3], x_train=features(x), y_train=numpy.asarray(y), c_train=clients,
            x_test=features(test_x), y_test=numpy.asarray(test_y))
