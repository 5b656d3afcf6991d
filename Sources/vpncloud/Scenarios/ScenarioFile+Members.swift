import VPNProtocol
import VPNSimulator

extension ScenarioFile {
    /// What each member of a group claims, where a text among its subnets has the place of the member's number.
    ///
    /// - Parameter index: which of the scenario's nodes.
    func memberSubnets(_ index: Int) -> [[Subnet]] {
        guard let templates = settings[index].subnetTemplates else { return [] }
        let plan = scenario.nodes[index]
        guard let count = plan.count else {
            for template in templates {
                guard case .scalar(let scalar) = template.content,
                    scalar.text.contains(SimulatedSettings.memberNumber)
                else { continue }
                faults.report(
                    template.position,
                    "subnets: '{n}' is the number of a group's member, and '\(plan.name)' has no 'count'; write a number"
                )
            }
            return []
        }
        var members = Array(repeating: [Subnet](), count: count)
        for template in templates {
            for member in 0..<count {
                guard let subnet = subnet(template, of: plan.name, member: member + 1) else { break }
                members[member].append(subnet)
            }
        }
        return members
    }

    /// One subnet of a member; nil, and a fault, where the text is none for it.
    private func subnet(_ template: YAMLNode, of group: String, member: Int) -> Subnet? {
        guard case .scalar(let scalar) = template.content, scalar.text.contains(SimulatedSettings.memberNumber) else {
            return ValueReader(faults: faults).list(
                "subnets", YAMLNode(content: .list([template]), position: template.position), SettingValues.subnet
            ).first
        }
        let text = scalar.text.split(separator: SimulatedSettings.memberNumber, omittingEmptySubsequences: false)
            .joined(separator: String(member))
        do {
            return try SettingValues.subnet(text)
        } catch {
            faults.report(
                template.position,
                "subnets: '\(text.shortenedForMessage)' of \(group)-\(member) is not right: \(error)")
            return nil
        }
    }
}
