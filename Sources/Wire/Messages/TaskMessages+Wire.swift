// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import ModelState
internal import Rounds

extension TrainTask {
    init(reading message: Tributary__V1__TrainTask) throws(WireError) {
        self.init(
            key: try UpdateKey(reading: message.key),
            base: try ModelReference(reading: message.base_model),
            model: try ModelSpecification(reading: message.model),
            layout: try TensorLayout(reading: message.layout),
            training: try TrainingSpecification(reading: message.training),
            seed: message.seed,
            codec: try FieldReader.text(message.codec, "train.codec"),
            deadline: try FieldReader.duration(message.deadline_microseconds, "train.deadline_microseconds"),
            counted: message.counted_round == 0
                ? nil
                : CountedUpdate(
                    round: try FieldReader.round(message.counted_round, "train.counted_round"),
                    attempt: message.counted_attempt
                )
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TrainTask> {
        let message = try writer.make(tributary__v1__train_task__init)
        message.pointee.key = try key.write(writer)
        message.pointee.base_model = try base.write(writer)
        message.pointee.model = try model.write(writer)
        message.pointee.layout = try layout.write(writer)
        message.pointee.training = try training.write(writer)
        message.pointee.seed = seed
        message.pointee.codec = try writer.text(codec, "train.codec")
        message.pointee.deadline_microseconds = writer.microseconds(deadline)
        if let counted {
            message.pointee.counted_round = try FieldReader.round(counted.round.value, "train.counted_round").value
            message.pointee.counted_attempt = counted.attempt
        }
        return message
    }
}

extension EvaluateTask {
    init(reading message: Tributary__V1__EvaluateTask) throws(WireError) {
        self.init(
            job: try FieldReader.job(message.job, "evaluate.job"),
            base: try ModelReference(reading: message.base_model),
            model: try ModelSpecification(reading: message.model),
            layout: try TensorLayout(reading: message.layout)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__EvaluateTask> {
        let message = try writer.make(tributary__v1__evaluate_task__init)
        message.pointee.job = try FieldReader.job(job.number, "evaluate.job").number
        message.pointee.base_model = try base.write(writer)
        message.pointee.model = try model.write(writer)
        message.pointee.layout = try layout.write(writer)
        return message
    }
}

extension TaskCancellation {
    init(reading message: Tributary__V1__TaskCancellation) throws(WireError) {
        self.init(key: try UpdateKey(reading: message.key), reason: FieldReader.reason(message.reason.rawValue))
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TaskCancellation> {
        let message = try writer.make(tributary__v1__task_cancellation__init)
        message.pointee.key = try key.write(writer)
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        return message
    }
}

extension TaskProgress {
    init(reading message: Tributary__V1__TaskProgress) throws(WireError) {
        let limit = WireLimits.reportedCount
        self.init(
            key: try UpdateKey(reading: message.key),
            steps: try FieldReader.count(message.steps, "progress.steps", limit: limit),
            totalSteps: try FieldReader.count(message.total_steps, "progress.total_steps", limit: limit)
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TaskProgress> {
        let message = try writer.make(tributary__v1__task_progress__init)
        let limit = WireLimits.reportedCount
        message.pointee.key = try key.write(writer)
        message.pointee.steps = try FieldReader.count(steps, "progress.steps", limit: limit)
        message.pointee.total_steps = try FieldReader.count(totalSteps, "progress.total_steps", limit: limit)
        return message
    }
}

extension TaskFailure {
    init(reading message: Tributary__V1__TaskFailure) throws(WireError) {
        self.init(
            key: try UpdateKey(reading: message.key),
            reason: FieldReader.reason(message.reason.rawValue),
            message: try FieldReader.text(message.message, "task_failed.message")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TaskFailure> {
        let message = try writer.make(tributary__v1__task_failure__init)
        message.pointee.key = try key.write(writer)
        message.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}
