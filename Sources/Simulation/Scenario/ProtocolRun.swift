// SPDX-License-Identifier: Apache-2.0

import Rounds

struct ProtocolRun {
    init(_ scenario: Scenario, data: ClientData, observer: @escaping (JobEvent) -> Void) {}
    func run() throws -> SimulationResult { preconditionFailure("being built") }
}
