# SPDX-License-Identifier: Apache-2.0
"""Reads a sweep's cells.csv and prints, for each variant and method, the worst accuracy over the attacks of each seed:
mean and sample standard deviation over the seeds.

    python3 Simulations/worst_case.py FOLDER [COLUMN]        COLUMN: what is searched for the worst; attack.name
"""
import csv
import statistics
import sys


def table(path, column):
    worst, variants, methods = {}, [], []
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["phase"] != "finished":
                sys.exit(f"a run of {row['variant']}, {row['method']} did not finish; run the sweep again")
            key = (row["variant"], row["method"], row["seed"])
            found = (float(row["accuracy"]), row[column])
            worst[key] = min(worst.get(key, found), found)
            if row["variant"] not in variants:
                variants.append(row["variant"])
            if row["method"] not in methods:
                methods.append(row["method"])
    yield "| worst case | " + " | ".join(methods) + " |"
    yield "|---|" + "---|" * len(methods)
    for variant in variants:
        cells = []
        for method in methods:
            values = [v for (a, b, _), (v, _) in worst.items() if (a, b) == (variant, method)]
            deviation = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.3f} ± {deviation:.3f}")
        yield f"| {variant} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for line in table(sys.argv[1] + "/cells.csv", sys.argv[2] if len(sys.argv) > 2 else "attack.name"):
        print(line)
