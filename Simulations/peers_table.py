# SPDX-License-Identifier: Apache-2.0
"""Prints medians of the records that peers.sh gathers, one row for each way to run a task."""
import json
import statistics
import sys

task, path = sys.argv[1:]
groups = {}
for line in open(path):
    record = json.loads(line)
    if "bench" in record:
        name = record["bench"].replace("_", " ")
        name += f", {record['workers']} processes" if record.get("workers", 1) > 1 else ""
        row = (record["samples_per_s"], record["clients_per_s"], record["peak_pss_mb"], record["acc"], record["load1"])
    else:
        name = f"Tributary, {record['threads']} threads"
        row = (record["round_samples_per_s"], record["round_clients_per_s"], record["peak_rss_mb"], record["accuracy"],
               record["load_average"])
    groups.setdefault(name, []).append(row)
print(f"| {task} | samples/s | clients/s | peak MB | accuracy | load |\n|---|---|---|---|---|---|")
for name, rows in sorted(groups.items(), key=lambda item: -statistics.median(row[0] for row in item[1])):
    samples, clients, memory, accuracy, load = (statistics.median(column) for column in zip(*rows))
    spread = f"{min(row[0] for row in rows):,.0f} to {max(row[0] for row in rows):,.0f}"
    print(f"| {name} | {samples:,.0f} ({spread}) | {clients:,.0f} | {memory:.0f} | {accuracy:.4f} | {load:.1f} |")
