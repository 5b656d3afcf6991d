import VPNNode

/// A program of the protocol as a file of implementations describes it (docs/implementations.md): how to start it as a node,
/// how to see that it is up, and how to end it.
package struct Implementation: Sendable {
    /// How a setting becomes arguments.
    package enum Rule: Hashable, Sendable {
        /// These, with the value in the place of ``Implementation/placeholder``.
        case template([String])
        /// Those of the value.
        case choices([String: [String]])
    }

    /// What tells that a node is up.
    package enum Sign: Hashable, Sendable {
        /// A line of its output in which this expression is found.
        case output(String)
        /// Its device.
        case device
    }

    /// Where the program is.
    package enum Program: Hashable, Sendable {
        /// The one that runs the lab.
        case own
        /// At a path, or under a name in PATH.
        case other(String)
    }

    package static let placeholder = "{value}"

    package var name: String
    package var program: Program
    package var arguments: [String] = []
    package var environment: [String: String] = [:]
    package var dialects: [String] = []
    /// In the order of the file.
    package var settings: [(key: String, rule: Rule)] = []
    /// Settings that it has no option for, with the value that is built in.
    package var unsupported: [String: String] = [:]
    package var ignored: [String] = []
    /// Whether it writes the statistics file of this program.
    package var hasStatistics = false
    package var sign = Sign.device
    package var startTime: Duration = .seconds(10)
    package var stopSignal: Int32 = 15
    package var stopTime: Duration = .seconds(5)
    /// The exit status of an end in good order; nil where any will do.
    package var stopStatus: Int32?

    package init(name: String, program: Program) {
        self.name = name
        self.program = program
    }
}

extension Implementation {
    /// This program.
    package static var own: Self {
        var own = Self(name: "vpncloud", program: .own)
        own.environment = ["VPNCLOUD_STATS_INTERVAL": "100ms"]
        own.dialects = ["manual", "0.8", "0.9", "1"]
        own.settings = [
            ("device_type", .template(["--type", placeholder])), ("device_name", .template(["--device", placeholder])),
            ("mode", .template(["--mode", placeholder])), ("port", .template(["--listen", placeholder])),
            ("peers", .template(["--connect", placeholder])), ("subnets", .template(["--subnet", placeholder])),
            ("crypto", .template(["--crypto", placeholder])),
            ("shared_key", .template(["--shared-key", placeholder])),
            ("magic", .template(["--magic", placeholder])), ("compat", .template(["--compat", placeholder])),
            ("peer_timeout", .template(["--peer-timeout", placeholder])),
            ("dst_timeout", .template(["--dst-timeout", placeholder])),
            ("stats_file", .template(["--stats-file", placeholder])),
            ("port_forwarding", .choices(["true": ["--port-forwarding"], "false": ["--no-port-forwarding"]])),
            ("offload", .choices(["true": ["--offload"], "false": ["--no-offload"]])),
        ]
        own.hasStatistics = true
        own.sign = .output(" runs on ")
        own.stopStatus = 0
        return own
    }

    /// Whether a process that was told to stop ended in good order.
    func endsWell(_ ending: LabProcess.Ending) -> Bool {
        switch ending {
        case .exited(let status): stopStatus.map { $0 == status } ?? true
        case .signalled(let signal): stopStatus == nil && signal == stopSignal
        }
    }

    /// Why it cannot have a setting; nil where it can.
    package func refusal(of key: String, _ values: [String]) -> String? {
        if values.isEmpty || ignored.contains(key) { return nil }
        if key == "compat", !values.allSatisfy(dialects.contains) {
            return "\(name) does not speak the dialect \(values.joined(separator: ", "))"
        }
        // Who speaks one dialect only needs no option for it.
        if key == "compat", dialects.count == 1 { return nil }
        let known: Bool
        switch settings.first(where: { $0.key == key })?.rule {
        case .template: known = true
        case .choices(let choices): known = values.allSatisfy { choices[$0] != nil }
        case nil: known = unsupported[key].map { values == [$0] } ?? false
        }
        return known ? nil : "\(name) has no option for \(key): \(values.joined(separator: ", "))"
    }

    /// The arguments of a node.
    ///
    /// - Parameter values: the settings that have a value, each with one, or several that are one after the other.
    package func arguments(for values: [(key: String, values: [String])]) throws(LabError) -> [String] {
        for (key, values) in values { if let refusal = refusal(of: key, values) { throw LabError(refusal) } }
        var result = arguments
        for (key, rule) in settings {
            for value in values.first(where: { $0.key == key })?.values ?? [] {
                switch rule {
                case .template(let words): result += words.map { $0.replacing(Self.placeholder, with: value) }
                case .choices(let choices): result += choices[value] ?? []
                }
            }
        }
        return result
    }
}
