// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension [String: String] {
    init(
        readingLabels base: UnsafeMutablePointer<UnsafeMutablePointer<Tributary__V1__Label>?>?,
        count: Int,
        _ field: StaticString
    ) throws(WireError) {
        self = try FieldReader.dictionary(base, count: count, field) { label throws(WireError) in
            (try FieldReader.text(label.pointee.name, field), try FieldReader.text(label.pointee.value, field))
        }
    }

    /// Writes the labels in the order of their names, so that equal ones give equal bytes.
    func writeLabels(
        _ writer: FieldWriter,
        _ field: StaticString
    ) throws(WireError) -> UnsafeMutablePointer<UnsafeMutablePointer<Tributary__V1__Label>?>? {
        let sorted = sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return try writer.list(sorted, field, limit: Limits.listCount) { entry throws(WireError) in
            let label = try writer.make(tributary__v1__label__init)
            label.pointee.name = try writer.text(entry.key, field)
            label.pointee.value = try writer.text(entry.value, field)
            return label
        }
    }
}

extension [String: Double] {
    init(
        readingSettings base: UnsafeMutablePointer<UnsafeMutablePointer<Tributary__V1__Setting>?>?,
        count: Int,
        _ field: StaticString
    ) throws(WireError) {
        self = try FieldReader.dictionary(base, count: count, field) { setting throws(WireError) in
            (try FieldReader.text(setting.pointee.name, field), setting.pointee.value)
        }
    }

    /// Writes the settings in the order of their names, so that equal ones give equal bytes.
    func writeSettings(
        _ writer: FieldWriter,
        _ field: StaticString
    ) throws(WireError) -> UnsafeMutablePointer<UnsafeMutablePointer<Tributary__V1__Setting>?>? {
        let sorted = sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return try writer.list(sorted, field, limit: Limits.listCount) { entry throws(WireError) in
            let setting = try writer.make(tributary__v1__setting__init)
            setting.pointee.name = try writer.text(entry.key, field)
            setting.pointee.value = entry.value
            return setting
        }
    }
}
