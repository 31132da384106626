// SPDX-License-Identifier: Apache-2.0

/// Reads a play, or a folder of texts, as a data set: the next character after a run of characters.
///
/// In a play a speech begins with a line `ROLE:` after an empty line (or at the start); all speeches of a role
/// together, in their order, are one natural client. Blocks without a role go on with the speech before. In a folder
/// each file that ends in `.txt` or `.txt.gz` is a client. Characters are numbered as ``character(_:)`` says, the same
/// for every text: so all clients of a job agree without having seen each other's texts.
struct TextReader {
    /// The numbers that characters have.
    static let vocabulary = 97

    /// The characters of a sample, before the one to tell.
    var length: Int
    /// The distance from one sample of a text to the next.
    var stride: Int
    /// The share at the end of each client's text that is tested on.
    var testFraction: Double

    /// The number of a character: 0 to 94 for the printable ones of ASCII, 95 for the end of a line, 96 for any other.
    static func character(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 32...126: byte - 32
        case 10: 95
        default: 96
        }
    }

    /// Samples as they are gathered.
    private struct Samples {
        var characters: [UInt8] = []
        var labels: [Int32] = []
        var clients: [Int32] = []

        /// Adds every `stride`-th run of a text.
        mutating func append(_ text: ArraySlice<UInt8>, client: Int32, length: Int, stride: Int) {
            var start = text.startIndex
            while start + length < text.endIndex {
                characters += text[start..<(start + length)]
                labels.append(Int32(text[start + length]))
                clients.append(client)
                start += stride
            }
        }

        func table(length: Int) -> SampleTable? {
            guard !labels.isEmpty else { return nil }
            return SampleTable(characters: characters, length: length, labels: labels, clients: clients)
        }
    }

    /// The tables of a file or folder; the test table is nil where nothing is held out.
    ///
    /// A client's text is cut in two, so that no test sample shares characters with a training sample; clients without
    /// a training sample are left out.
    ///
    /// - Throws: ``LearningError``: `missingData`, `fileAccess`, `malformedFile`, `tooLarge`.
    func read(_ path: String) throws -> (train: SampleTable, test: SampleTable?) {
        var train = Samples()
        var test = Samples()
        var client: Int32 = 0
        for text in try Self.texts(path) {
            let characters = text.map(Self.character)
            let cut = characters.count - Int((testFraction * Double(characters.count)).rounded())
            guard cut > length else { continue }
            train.append(characters[..<cut], client: client, length: length, stride: stride)
            test.append(characters[cut...], client: client, length: length, stride: stride)
            client += 1
        }
        guard let table = train.table(length: length) else {
            throw LearningError(
                .missingData,
                "\(path) has no client with more than \(length) characters to train on; lower length= or test="
            )
        }
        return (table, test.table(length: length))
    }

    // MARK: Texts

    /// Each client's text.
    private static func texts(_ path: String) throws -> [ArraySlice<UInt8>] {
        guard DataFile.isFolder(path) else { return roles(of: try contents(path)) }
        let names = try DataFile.names(in: path).filter { $0.hasSuffix(".txt") || $0.hasSuffix(".txt.gz") }
        guard !names.isEmpty else {
            throw LearningError(.missingData, "\(path) has no files that end in .txt or .txt.gz; give their folder")
        }
        return try names.map { try contents("\(path)/\($0)")[...] }
    }

    /// A file's bytes, expanded if they are compressed, without carriage returns.
    private static func contents(_ path: String) throws -> [UInt8] {
        var bytes = try DataFile.read(path)
        if bytes.starts(with: [0x1F, 0x8B]) {
            let stream = ByteStream(bytes[...], format: .gzip, name: path)
            bytes = try stream.readAll()
        }
        return bytes.filter { $0 != 13 }
    }

    /// The speeches of each role of a play, in the order in which the roles first speak.
    static func roles(of play: [UInt8]) -> [ArraySlice<UInt8>] {
        let newline = UInt8(ascii: "\n")
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        var speeches: [[UInt8]] = []
        var current: Int?
        var beginsBlock = true
        for line in play.split(separator: newline, omittingEmptySubsequences: false) {
            guard !line.isEmpty else {
                beginsBlock = true
                continue
            }
            let namesRole = beginsBlock && line.last == UInt8(ascii: ":")
            beginsBlock = false
            if namesRole {
                let number = numbers[line, default: speeches.count]
                if number == speeches.count { speeches.append([]) }
                numbers[line] = number
                current = number
                continue
            }
            // A text that begins without a role belongs to a nameless one.
            let number = current ?? speeches.count
            if number == speeches.count { speeches.append([]) }
            current = number
            speeches[number] += line
            speeches[number].append(newline)
        }
        return speeches.map { $0[...] }
    }
}
