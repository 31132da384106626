// SPDX-License-Identifier: Apache-2.0

/// A job with classes that nobody labelled, as changes of a plain scenario.
enum OpenWorldCase {
    static let changes: [String: any Sendable] = [
        "data": "glyphs?samples=240&test=60&seen=6&labelled=0.5", "split": "rare:2", "strategy": "fedossl",
        "training": [
            "batch_size": 16,
            "settings": [
                "fedossl_seen": 6, "fedossl_supervised": 1, "fedossl_warm_up": 2, "fedossl_clusters": 6,
            ] as [String: any Sendable],
        ] as [String: any Sendable],
    ]
}
