import VPNNode
import VPNProtocol

/// The nodes of a scenario one by one, groups expanded, each by its number.
struct Roster {
    /// One node.
    struct Member {
        let name: String
        /// The index of its plan.
        let plan: Int
        let configuration: NodeConfiguration
        let station: Station
    }

    /// The nodes in the order of the scenario.
    let members: [Member]
    private let numbersByName: [String: [Int]]

    init(_ plans: [NodePlan]) throws(ScenarioError) {
        var members: [Member] = []
        var numbers: [String: [Int]] = [:]
        for (index, plan) in plans.enumerated() {
            var group: [Int] = []
            for (member, name) in plan.members.enumerated() {
                let configuration = plan.configuration(ofMember: member)
                let number = members.count
                members.append(
                    Member(
                        name: name, plan: index, configuration: configuration,
                        station: Station(number: number, configuration: configuration)))
                group.append(number)
                guard numbers.updateValue([number], forKey: name) == nil else { throw .duplicateNode(name) }
            }
            if plan.count != nil {
                guard numbers.updateValue(group, forKey: plan.name) == nil else { throw .duplicateNode(plan.name) }
            }
        }
        numbers[Scenario.allNodes] = Array(members.indices)
        self.members = members
        numbersByName = numbers
    }

    var count: Int { members.count }

    /// The nodes that a name stands for: one, a group, or all.
    func numbers(of name: String) throws(ScenarioError) -> [Int] {
        guard let numbers = numbersByName[name] else { throw .unknownNode(name) }
        return numbers
    }

    /// The node with this name; nil where there is none, or where it is the name of a group.
    func number(of name: String) -> Int? {
        guard let numbers = numbersByName[name], numbers.count == 1, members[numbers[0]].name == name else {
            return nil
        }
        return numbers[0]
    }

    /// The nodes that several names stand for, each once, by number.
    func numbers(of names: [String]) throws(ScenarioError) -> [Int] {
        var result: Set<Int> = []
        for name in names { result.formUnion(try numbers(of: name)) }
        return result.sorted()
    }
}
