// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import ModelState
internal import Rounds

extension ModelReference {
    init(reading reference: UnsafeMutablePointer<Tributary__V1__ModelReference>?) throws(WireError) {
        let message = try FieldReader.required(reference, "base").pointee
        let last = Part(
            round: try FieldReader.round(message.round, "base.round"),
            digest: try FieldReader.digest(message.digest, "base.digest"),
            byteCount: try FieldReader.size(message.byte_count, "base.byte_count", limit: Limits.blobBytes),
            codec: try FieldReader.text(message.codec, "base.codec")
        )
        let earlier = try FieldReader.list(
            message.earlier,
            count: message.n_earlier,
            "base.earlier",
            limit: Limits.chainParts
        ) { part throws(WireError) in try Part(reading: part.pointee) }
        self.init(last, after: earlier)
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__ModelReference> {
        let message = try writer.make(tributary__v1__model_reference__init)
        message.pointee.round = try FieldReader.round(last.round.value, "base.round").value
        message.pointee.digest = try writer.digest(last.digest)
        message.pointee.byte_count = try writer.size(last.byteCount, "base.byte_count", limit: Limits.blobBytes)
        message.pointee.codec = try writer.text(last.codec, "base.codec")
        message.pointee.earlier = try writer.list(earlier, "base.earlier", limit: Limits.chainParts) {
            part throws(WireError) in try part.write(writer)
        }
        message.pointee.n_earlier = earlier.count
        return message
    }
}

extension ModelReference.Part {
    init(reading message: Tributary__V1__ModelPart) throws(WireError) {
        self.init(
            round: try FieldReader.round(message.round, "part.round"),
            digest: try FieldReader.digest(message.digest, "part.digest"),
            byteCount: try FieldReader.size(message.byte_count, "part.byte_count", limit: Limits.blobBytes),
            codec: try FieldReader.text(message.codec, "part.codec")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__ModelPart> {
        let message = try writer.make(tributary__v1__model_part__init)
        message.pointee.round = try FieldReader.round(round.value, "part.round").value
        message.pointee.digest = try writer.digest(digest)
        message.pointee.byte_count = try writer.size(byteCount, "part.byte_count", limit: Limits.blobBytes)
        message.pointee.codec = try writer.text(codec, "part.codec")
        return message
    }
}

extension ModelSpecification {
    init(reading specification: UnsafeMutablePointer<Tributary__V1__ModelSpecification>?) throws(WireError) {
        let message = try FieldReader.required(specification, "model").pointee
        let input = try FieldReader.sizes(
            message.input,
            count: message.n_input,
            "model.input",
            limit: Int.max,
            countLimit: TensorShape.maximumRank
        )
        guard TensorShape(untrusted: input) != nil else {
            throw WireError(.invalidField, "model.input is no shape: the product of its extents is too large")
        }
        self.init(
            kind: try FieldReader.text(message.kind, "model.kind"),
            input: input,
            classes: try FieldReader.size(message.classes, "model.classes", limit: WireLimits.layerWidth),
            hidden: try FieldReader.sizes(
                message.hidden,
                count: message.n_hidden,
                "model.hidden",
                limit: WireLimits.layerWidth,
                countLimit: Limits.listCount
            ),
            elements: try FieldReader.size(message.elements, "model.elements", limit: WireLimits.sizeCount),
            settings: try .init(readingSettings: message.settings, count: message.n_settings, "model.settings")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__ModelSpecification> {
        let message = try writer.make(tributary__v1__model_specification__init)
        message.pointee.kind = try writer.text(kind, "model.kind")
        message.pointee.input = try writer.sizes(
            input,
            "model.input",
            limit: Int.max,
            countLimit: TensorShape.maximumRank
        )
        message.pointee.n_input = input.count
        guard TensorShape(untrusted: input) != nil else {
            throw WireError(.invalidField, "model.input is no shape: the product of its extents is too large")
        }
        message.pointee.classes = try writer.size(classes, "model.classes", limit: WireLimits.layerWidth)
        message.pointee.hidden = try writer.sizes(
            hidden,
            "model.hidden",
            limit: WireLimits.layerWidth,
            countLimit: Limits.listCount
        )
        message.pointee.n_hidden = hidden.count
        message.pointee.elements = try writer.size(elements, "model.elements", limit: WireLimits.sizeCount)
        message.pointee.settings = try settings.writeSettings(writer, "model.settings")
        message.pointee.n_settings = settings.count
        return message
    }
}

extension TrainingSpecification {
    init(reading specification: UnsafeMutablePointer<Tributary__V1__TrainingSpecification>?) throws(WireError) {
        let message = try FieldReader.required(specification, "training").pointee
        self.init(
            trainer: try FieldReader.text(message.trainer, "training.trainer"),
            localEpochs: try FieldReader.size(
                message.local_epochs,
                "training.local_epochs",
                limit: WireLimits.sizeCount
            ),
            batchSize: try FieldReader.size(message.batch_size, "training.batch_size", limit: WireLimits.sizeCount),
            learningRate: message.learning_rate,
            momentum: message.momentum,
            weightDecay: message.weight_decay,
            maximumSteps: try FieldReader.size(message.maximum_steps, "training.maximum_steps", limit: Int.max),
            settings: try .init(readingSettings: message.settings, count: message.n_settings, "training.settings")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__TrainingSpecification> {
        let message = try writer.make(tributary__v1__training_specification__init)
        message.pointee.trainer = try writer.text(trainer, "training.trainer")
        message.pointee.local_epochs = try writer.size(
            localEpochs,
            "training.local_epochs",
            limit: WireLimits.sizeCount
        )
        message.pointee.batch_size = try writer.size(batchSize, "training.batch_size", limit: WireLimits.sizeCount)
        message.pointee.learning_rate = learningRate
        message.pointee.momentum = momentum
        message.pointee.weight_decay = weightDecay
        message.pointee.maximum_steps = try writer.size(maximumSteps, "training.maximum_steps", limit: Int.max)
        message.pointee.settings = try settings.writeSettings(writer, "training.settings")
        message.pointee.n_settings = settings.count
        return message
    }
}
