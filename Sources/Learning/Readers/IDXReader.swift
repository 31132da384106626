// SPDX-License-Identifier: Apache-2.0

/// Reads a folder of IDX files, the format of MNIST and its kin.
///
/// Images are `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, labels `...-labels-idx1-ubyte`, each plain or
/// with `.gz`; the label 255 stands for none. Header: two zero bytes, the type (8: unsigned byte), the number of
/// dimensions, then each extent as 32 bits, most significant byte first.
enum IDXReader {
    private static let unlabelled: UInt8 = 255

    /// The data set of a folder; either half may be missing, not both.
    ///
    /// - Throws: ``LearningError``.
    static func read(folder: String) throws -> (train: SampleTable?, test: SampleTable?) {
        let (train, test) = try Concurrently.both {
            try table(folder: folder, prefix: "train")
        } _: {
            try table(folder: folder, prefix: "t10k")
        }
        guard train != nil || test != nil else {
            guard DataFile.isFolder(folder) else {
                throw LearningError(.fileAccess, "there is no folder \(folder); check the path and its permissions")
            }
            throw LearningError(
                .missingData,
                "\(folder) has neither train-images-idx3-ubyte[.gz] nor t10k-images-idx3-ubyte[.gz]; give their folder"
            )
        }
        return (train, test)
    }

    private static func table(folder: String, prefix: String) throws -> SampleTable? {
        let imagePath = find("\(folder)/\(prefix)-images-idx3-ubyte")
        let labelPath = find("\(folder)/\(prefix)-labels-idx1-ubyte")
        switch (imagePath, labelPath) {
        case (nil, nil): return nil
        case (let imagePath?, let labelPath?):
            let images = try array(try DataFile.read(imagePath), name: imagePath)
            let labels = try array(try DataFile.read(labelPath), name: labelPath)
            guard images.shape.count >= 2, labels.shape.count == 1, images.shape[0] == labels.shape[0] else {
                throw LearningError(
                    .malformedFile,
                    "\(imagePath) has the shape \(images.shape) and \(labelPath) \(labels.shape); "
                        + "they do not belong together"
                )
            }
            let table = SampleTable(
                bytes: images.values,
                shape: Array(images.shape.dropFirst()),
                labels: labels.values.map { $0 == unlabelled ? 0 : Int32($0) }
            )
            return labels.values.contains(unlabelled) ? table.labelled(labels.values.map { $0 != unlabelled }) : table
        default:
            let missing = imagePath == nil ? "images-idx3" : "labels-idx1"
            throw LearningError(
                .missingData,
                "\(folder)/\(prefix)-\(missing)-ubyte[.gz] is missing beside its counterpart; add it"
            )
        }
    }

    private static func find(_ path: String) -> String? {
        [path, path + ".gz"].first { DataFile.exists($0) }
    }

    /// One array of unsigned bytes; gzip is recognised by its first bytes.
    static func array(_ bytes: [UInt8], name: String) throws -> (shape: [Int], values: [UInt8]) {
        let isGzip = bytes.starts(with: [0x1F, 0x8B])
        let stream = ByteStream(bytes[...], format: isGzip ? .gzip : .plain, name: name)
        guard stream.limit >= 4 else { throw LearningError(.malformedFile, "\(name) is too short for an IDX file") }
        let magic = try stream.read(4)
        guard magic[0] == 0, magic[1] == 0, (1...4).contains(magic[3]) else {
            throw LearningError(
                .malformedFile,
                "\(name) is not an IDX file (its first bytes are \(magic)); check the folder"
            )
        }
        guard magic[2] == 8 else {
            throw LearningError(.unsupportedType, "\(name) has IDX type \(magic[2]); only unsigned bytes (8) are read")
        }
        var shape: [Int] = []
        var total = 1
        for _ in 0..<magic[3] {
            let extent = try stream.read(4).reduce(0) { $0 << 8 | Int($1) }
            shape.append(extent)
            // At most four extents below 2^32: only the product of all can overflow.
            let (product, overflow) = total.multipliedReportingOverflow(by: extent)
            guard extent > 0 || shape.count == 1, !overflow, product <= stream.limit else {
                throw LearningError(
                    .tooLarge,
                    "\(name) of \(bytes.count) bytes claims the shape \(shape); it is damaged or hostile"
                )
            }
            total = product
        }
        let values = try stream.read(total)
        try stream.expectEnd()
        return (shape, values)
    }
}
