// SPDX-License-Identifier: Apache-2.0

/// Reads a NumPy archive.
///
/// It has one of these sets of arrays:
///
/// - `train_images`, `train_labels`, `test_images`, `test_labels` (MedMNIST; its `val_*` arrays are left aside);
/// - `x_train`, `y_train`, `x_test`, `y_test`;
/// - `x`, `y`.
///
/// Natural clients, where there are any, are whole numbers in `train_clients` and `test_clients`, `c_train` and
/// `c_test`, or `c`.
///
/// Images of unsigned bytes are divided by 255; other types are taken as they are. Labels are whole numbers, `(n)` or
/// `(n, 1)`.
enum NPZReader {
    private static let conventions = [
        (
            train: ("train_images", "train_labels", "train_clients"),
            test: ("test_images", "test_labels", "test_clients")
        ),
        (train: ("x_train", "y_train", "c_train"), test: ("x_test", "y_test", "c_test")),
        (train: ("x", "y", "c"), test: ("", "", "")),
    ]

    /// The file's tables; either may be missing, not both.
    ///
    /// - Throws: ``LearningError``.
    static func read(_ path: String) throws -> (train: SampleTable?, test: SampleTable?) {
        let archive = try ZipArchive(try DataFile.read(path), path: path)
        for convention in conventions {
            let train = try table(archive, convention.train, path: path)
            let test = try table(archive, convention.test, path: path)
            if train != nil || test != nil { return (train, test) }
        }
        throw LearningError(
            .missingData,
            "\(path) has the arrays \(archive.members.map(\.name).prefix(16)); expected train_images and train_labels, "
                + "x_train and y_train, or x and y"
        )
    }

    private static func table(
        _ archive: ZipArchive,
        _ names: (images: String, labels: String, clients: String),
        path: String
    ) throws -> SampleTable? {
        guard let images = archive.members.first(where: { $0.name == names.images + ".npy" }),
            let labels = archive.members.first(where: { $0.name == names.labels + ".npy" })
        else { return nil }
        let features = try array(archive, images)
        let classes = try labelValues(try array(archive, labels), from: -1, name: "\(path) (\(names.labels))")
        let clients = try archive.members.first { $0.name == names.clients + ".npy" }.map {
            try labelValues(try array(archive, $0), from: 0, name: "\(path) (\(names.clients))")
        }
        let shape = features.shape
        guard shape.count >= 2, shape[0] == classes.count, shape.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw LearningError(
                .malformedFile,
                "\(path): \(names.images) has the shape \(shape) and \(names.labels) \(classes.count) values; "
                    + "they do not belong together"
            )
        }
        guard clients == nil || clients?.count == classes.count else {
            throw LearningError(.malformedFile, "\(path): \(names.clients) has not one client for each sample")
        }
        let sample = Array(shape.dropFirst())
        let known = classes.map { max($0, 0) }
        let table =
            switch features.values {
            case .bytes(let values): SampleTable(bytes: values, shape: sample, labels: known, clients: clients)
            case .floats(let values): SampleTable(floats: values, shape: sample, labels: known, clients: clients)
            }
        return classes.contains(-1) ? table.labelled(classes.map { $0 >= 0 }) : table
    }

    private static func array(_ archive: ZipArchive, _ member: ZipArchive.Member) throws -> NumPyArray {
        let stream = try archive.open(member)
        let array = try NumPyArray(stream)
        guard stream.crc == member.crc else {
            throw LearningError(.malformedFile, "\(stream.name) is damaged (wrong checksum); copy or download it again")
        }
        return array
    }

    private static func labelValues(_ array: NumPyArray, from least: Int32, name: String) throws -> [Int32] {
        guard array.shape.count == 1 || (array.shape.count == 2 && array.shape[1] == 1) else {
            throw LearningError(.unsupportedType, "\(name) has the shape \(array.shape); labels are (n) or (n, 1)")
        }
        switch array.values {
        case .bytes(let values): return values.map { Int32($0) }
        case .floats(let values):
            return try values.map { value in
                guard let label = Int32(exactly: value), label >= least else {
                    throw LearningError(
                        .labelOutOfRange,
                        "\(name) has the value \(value); it has whole numbers from 0"
                            + (least < 0 ? ", and -1 for samples without a label" : "")
                    )
                }
                return label
            }
        }
    }
}
