# SPDX-License-Identifier: Apache-2.0
"""Prints medians of the records that peers.sh gathers, one row for each way to run a task.

`start` is the time of the whole process outside its rounds: starting, reading the data, the last evaluation, the end.
"""
import json
import statistics
import sys

task, path = sys.argv[1:]
names = {"flower_sim": "Flower, 2 processes", "pfl_sim": "pfl, 1 process", "bare_numpy": "NumPy, 1 thread"}
groups = {}
for line in open(path):
    record = json.loads(line)
    if record["peers_task"] != task:
        continue
    if "bench" in record:
        workers = record.get("workers", 1)
        torch = f"PyTorch, {workers} processes" if workers > 1 else "PyTorch, 1 thread"
        name = names.get(record["bench"], torch)
        rounds = record["round_s_first"] + record["round_s_median"] * (record["rounds"] - 1)
        row = (record["samples_per_s"], record["clients_per_s"], record["process_s"] - rounds, record["peak_pss_mb"],
               record["acc"], record["load1"])
    else:
        name = f"Tributary, {record['threads']} thread{'s' if record['threads'] > 1 else ''}"
        rounds = record["rounds"] * record["round_s_median"]
        row = (record["round_samples_per_s"], record["round_clients_per_s"], record["process_s"] - rounds,
               record["peak_rss_mb"], record["accuracy"], record["load_average"])
    groups.setdefault(name, []).append(row)
speed = 1 if task == "tiny" else 0
unit = "clients" if speed else "samples"
# More rounds of the tiny clients are measured here than with the peers: accuracies would not compare.
accuracies = task != "tiny"
print(f"| {task} | {unit}/s | start s | peak MB |{' accuracy |' if accuracies else ''} load |")
print(f"|---|---|---|---|{'---|' if accuracies else ''}---|")
for name, rows in sorted(groups.items(), key=lambda item: -statistics.median(row[speed] for row in item[1])):
    columns = list(zip(*rows))
    _, _, start, memory, accuracy, load = (statistics.median(column) for column in columns)
    spread = f"{min(columns[speed]):,.0f} to {max(columns[speed]):,.0f}"
    print(f"| {name} | {statistics.median(columns[speed]):,.0f} ({spread}) | {start:.2f} | {memory:.0f} |"
          f"{f' {accuracy:.4f} |' if accuracies else ''} {load:.1f} |")
