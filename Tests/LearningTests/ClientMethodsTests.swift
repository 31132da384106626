// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Learning
@testable import ModelState

@Suite struct ClientMethodsTests {
    private func message(_ settings: [String: Double]) -> String {
        do {
            _ = try ClientMethods(settings: settings)
            return ""
        } catch { return (error as? LearningError)?.message ?? "another error" }
    }

    @Test func nothingIsOnWithoutSettings() throws {
        let methods = try ClientMethods(settings: [:])
        #expect(!methods.keepsState && !methods.sendsControlVariate && !methods.reportsInitialLoss)
        #expect(try methods == ClientMethods(settings: ["margin_lambda": 0, "scaffold": 0, "personal_lambda": 0]))
    }

    @Test func statefulMethodsAreTold() throws {
        for settings: [String: Double] in [
            ["scaffold": 1], ["dynamic_alpha": 0.01], ["moon_mu": 1], ["local_normalisation": 1],
            ["personal_lambda": 1],
        ] {
            let methods = try ClientMethods(settings: settings)
            #expect(methods.keepsState)
            #expect(methods.sendsControlVariate == (settings["scaffold"] == 1))
        }
        for settings: [String: Double] in [
            ["proximal_mu": 1], ["margin_lambda": 0.03, "margin_form": 2], ["calibration_tau": 1], ["sam_rho": 0.05],
            ["report_initial_loss": 1], ["moon_temperature": 0.2], ["personal_epochs": 3],
        ] {
            #expect(try !ClientMethods(settings: settings).keepsState)
        }
    }

    @Test func everyKnownSettingIsRead() throws {
        let plain = try ClientMethods(settings: [:])
        let others: [String: Double] = [
            "margin_form": 2, "personal_epochs": 3, "moon_temperature": 0.2, "update_momentum": 0.5,
        ]
        let released = try ClientMethods(settings: ["hypergradient": 2])
        #expect(try ClientMethods(settings: ["hypergradient": 2, "hypergradient_clients": 5]) != released)
        let open = try ClientMethods(settings: ["fedossl": 1])
        #expect(open != plain)
        for key in ClientMethods.knownSettings where key != "hypergradient_clients" && key != "fedossl" {
            guard key.hasPrefix("fedossl") else {
                #expect(try ClientMethods(settings: [key: others[key] ?? 1]) != plain, "\(key)")
                continue
            }
            let value = key == "fedossl_unlabelled" ? 0.0 : 1.0
            #expect(try ClientMethods(settings: ["fedossl": 1, key: value]) != open, "\(key)")
            #expect(learningErrorCode { _ = try ClientMethods(settings: [key: value]) } == .invalidSpecification)
        }
    }

    @Test func openWorldSettingsAreThoseOfItsTable() throws {
        let settings = try #require(try ClientMethods(settings: ["fedossl": 1]).openWorld)
        #expect(settings.suppression == 2 && settings.base == 0.2 && settings.alignment == 0.5)
        #expect(settings.clusterFloor == 0.95 && settings.clusterCount == 32 && settings.usesUnlabelled)
        #expect(settings.seenClasses == nil && settings.supervisedRounds == 0)
        #expect(!settings.calibrates(after: 4) && settings.calibrates(after: 5))
        let off = try #require(try ClientMethods(settings: ["fedossl": 1, "fedossl_suppression": 0]).openWorld)
        #expect(off.suppression == 0)
        for settings: [String: Double] in [
            ["fedossl_base": 1.5], ["fedossl_base": 0], ["fedossl_clusters": 0], ["fedossl_alignment": -1],
            ["fedossl_seen": 0.5], ["fedossl_unlabelled": 2], ["margin_lambda": 0.1],
        ] {
            let all = settings.merging(["fedossl": 1]) { $1 }
            #expect(learningErrorCode { _ = try ClientMethods(settings: all) } == .invalidSpecification, "\(settings)")
        }
        #expect(try ClientMethods(settings: ["fedossl": 1, "margin_lambda": 0]).openWorld != nil)
    }

    @Test func valuesOutOfRangeAreRefused() {
        for settings: [String: Double] in [
            ["proximal_mu": -1], ["proximal_mu": .nan], ["margin_lambda": .infinity], ["margin_lambda": 1e39],
            ["sam_rho": 1e-60], ["margin_form": 3], ["margin_form": 0.5], ["moon_temperature": 0],
            ["moon_temperature": .nan], ["scaffold": 2], ["scaffold": 0.5], ["personal_epochs": 0],
            ["personal_epochs": .nan], ["personal_epochs": 1e300], ["local_normalisation": -1], ["dynamic_alpha": -0.1],
            ["report_initial_loss": 3], ["calibration_tau": -2], ["personal_lambda": -1], ["moon_mu": -1],
        ] {
            #expect(learningErrorCode { _ = try ClientMethods(settings: settings) } == .invalidSpecification)
            #expect(message(settings).contains("training.settings.\(settings.keys.first ?? "?")"))
        }
        #expect(learningErrorCode { _ = try ClientMethods(settings: ["sam_roh": 1]) } == .unknownKey)
    }

    @Test func conflictsNameBothMethodsAndTheReason() {
        for (settings, words) in [
            (["scaffold": 1, "dynamic_alpha": 0.1], ["scaffold", "dynamic_alpha", "drift"]),
            (["proximal_mu": 1, "dynamic_alpha": 0.1], ["dynamic_alpha", "proximal_mu", "memory"]),
            (
                ["margin_lambda": 1, "margin_form": 2, "calibration_tau": 1],
                ["margin_form", "calibration_tau", "norm"]
            ),
        ] as [([String: Double], [String])] {
            #expect(learningErrorCode { _ = try ClientMethods(settings: settings) } == .invalidSpecification)
            for word in words { #expect(message(settings).contains(word)) }
        }
        // Without its factor a form is of no consequence.
        #expect(message(["margin_form": 2, "calibration_tau": 1]).isEmpty)
        #expect(message(["scaffold": 0, "dynamic_alpha": 0.1]).isEmpty)
    }

    @Test func localTensorsAreToldByTheirRole() throws {
        let layout = try TensorLayout([
            .init(name: "stem.weight", shape: [2, 2]),
            .init(name: "downsample.1.weight", shape: [3], role: .normalization),
            .init(name: "bn_like_name.bias", shape: [2]),
            .init(name: "mean", shape: [3], role: .buffer),
        ])
        #expect(layout.localTensors == [1, 3] && layout.untrainedTensors == [3])
        let vector = ParameterVector((0..<12).map { Float($0) })
        let gathered = vector.gathering([1, 3], of: layout)
        #expect(gathered.elements == [4, 5, 6, 9, 10, 11])
        var other = ParameterVector(zeros: 12)
        other.scatter(gathered, to: [1, 3], of: layout)
        #expect(other.elements == [0, 0, 0, 0, 4, 5, 6, 0, 0, 9, 10, 11])
        other.clear([3], of: layout)
        #expect(other.elements == [0, 0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0])
    }
}
