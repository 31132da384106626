// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension Hello {
    init(reading message: Tributary__V1__Hello) throws(WireError) {
        let role: Role
        switch message.role {
        case TRIBUTARY__V1__ROLE__ROLE_AGENT: role = .agent
        case TRIBUTARY__V1__ROLE__ROLE_OPERATOR: role = .operator
        default: throw WireError(.invalidField, "hello.role is \(message.role.rawValue), which is no role")
        }
        try FieldReader.checkCount(message.n_codecs, "hello.codecs", limit: Limits.listCount)
        var codecs: [String] = []
        for index in 0..<message.n_codecs {
            codecs.append(try FieldReader.text(message.codecs[index], "hello.codecs"))
        }
        self.init(
            oldestVersion: message.oldest_version,
            newestVersion: message.newest_version,
            role: role,
            agent: try FieldReader.text(message.agent, "hello.agent"),
            incarnation: message.incarnation,
            codecs: codecs,
            labels: try .init(readingLabels: message.labels, count: message.n_labels, "hello.labels"),
            resources: try .init(readingSettings: message.resources, count: message.n_resources, "hello.resources"),
            software: try FieldReader.text(message.software, "hello.software")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__Hello> {
        let message = try writer.make(tributary__v1__hello__init)
        message.pointee.oldest_version = oldestVersion
        message.pointee.newest_version = newestVersion
        message.pointee.role = role == .agent ? TRIBUTARY__V1__ROLE__ROLE_AGENT : TRIBUTARY__V1__ROLE__ROLE_OPERATOR
        message.pointee.agent = try writer.text(agent, "hello.agent")
        message.pointee.incarnation = incarnation
        message.pointee.codecs = try writer.texts(codecs, "hello.codecs")
        message.pointee.n_codecs = codecs.count
        message.pointee.labels = try labels.writeLabels(writer, "hello.labels")
        message.pointee.n_labels = labels.count
        message.pointee.resources = try resources.writeSettings(writer, "hello.resources")
        message.pointee.n_resources = resources.count
        message.pointee.software = try writer.remark(software)
        return message
    }
}
