import Logging
import VPNLinuxIO

/// The user's commands for the device: after `ifup` comes one `ifdown`, however the session ends.
final class DeviceCommands {
    private let (ifup, ifdown): (String?, String?)
    private let device: String
    private let log: Logger
    private var isDue = false

    init(_ plan: RunPlan, device: String, log: Logger) {
        (ifup, ifdown) = (plan.ifup, plan.ifdown)
        self.device = device
        self.log = log
    }

    /// Configures the device.
    func configure() {
        isDue = true
        if let ifup { run(ifup, named: "ifup") }
    }

    /// Undoes that, unless it is done. To be called while the device is there.
    func undo() {
        guard isDue else { return }
        isDue = false
        if let ifdown { run(ifdown, named: "ifdown") }
    }

    /// Leaves that to the process that was forked off.
    func leave() { isDue = false }

    /// Runs a command. One that fails is told, and nothing more.
    private func run(_ command: String, named name: String) {
        log.debug("running \(name): \(command)")
        let outcome = HookCommand.run(command, interface: device)
        if outcome == .exited(0) {
            log.debug("\(name) is done")
        } else {
            log.error("the \(name) command '\(command)' \(outcome); going on")
        }
    }
}
