import VPNNode

/// The frames of one sender to one receiver, or to everybody: a part of a ``TrafficPlan``.
struct TrafficFlow {
    /// The number of the sender.
    let sender: Int
    /// The numbers of the receivers; one, unless ``isBroadcast``.
    let receivers: [Int]
    /// Whether everybody is to get it.
    let isBroadcast: Bool
    /// What is sent, and when.
    let plan: TrafficPlan
    /// How many frames there are.
    let frames: Int

    /// When a frame is sent.
    func time(ofFrame number: Int) -> Instant {
        .zero + plan.start + plan.interval * number
    }

    /// The flows of a scenario.
    static func flows(of scenario: Scenario, _ roster: Roster) throws(ScenarioError) -> [TrafficFlow] {
        var flows: [TrafficFlow] = []
        var total = 0
        for plan in scenario.traffic {
            let frames = plan.frames(in: scenario.duration)
            for sender in try roster.numbers(of: plan.from) {
                let receivers = try roster.numbers(of: plan.to ?? Scenario.allNodes).filter { $0 != sender }
                // Never more than the bound and one plan's share of it, so that no sum is too large.
                total += min(frames, Scenario.maximumFrames + 1) * receivers.count
                guard total <= Scenario.maximumFrames, flows.count + receivers.count < FrameIdentity.maximumFlows
                else { throw .tooMuchTraffic(frames: total) }
                if plan.to == nil {
                    flows.append(
                        TrafficFlow(sender: sender, receivers: receivers, isBroadcast: true, plan: plan, frames: frames)
                    )
                } else {
                    flows += receivers.map {
                        TrafficFlow(sender: sender, receivers: [$0], isBroadcast: false, plan: plan, frames: frames)
                    }
                }
            }
        }
        return flows
    }
}

extension Scenario {
    /// The most frames of a run, each counted once for each receiver: what they did is remembered to the end, some 20 bytes
    /// each.
    public static let maximumFrames = 20_000_000
}

extension TrafficPlan {
    /// How many frames each sender sends to each receiver in a scenario of this length.
    public func frames(in duration: Duration) -> Int {
        let end = min(self.end ?? duration, duration)
        guard end > start, interval > .zero else { return 0 }
        let span = end - start
        let most = Int(clamping: (span - .nanoseconds(1)).attoseconds / interval.attoseconds + 1)
        return min(most, count ?? .max)
    }
}
