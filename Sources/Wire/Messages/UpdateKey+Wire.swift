// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension UpdateKey {
    init(reading key: UnsafeMutablePointer<Tributary__V1__UpdateKey>?) throws(WireError) {
        let message = try FieldReader.required(key, "key").pointee
        self.init(
            job: try FieldReader.job(message.job, "key.job"),
            round: try FieldReader.round(message.round, "key.round"),
            attempt: try FieldReader.round(message.attempt, "key.attempt").value,
            agent: try FieldReader.agent(message.agent, "key.agent")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__UpdateKey> {
        let message = try writer.make(tributary__v1__update_key__init)
        message.pointee.job = try FieldReader.job(job.number, "key.job").number
        message.pointee.round = try FieldReader.round(round.value, "key.round").value
        message.pointee.attempt = try FieldReader.round(attempt, "key.attempt").value
        message.pointee.agent = try writer.text(agent.name, "key.agent")
        return message
    }
}
