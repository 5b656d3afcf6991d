/// Values of a document that this program itself wrote: what is not there, or is something else, is nil.
extension YAMLNode {
    subscript(key: String) -> YAMLNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { entry in
            if case .scalar(let scalar) = entry.key.content { scalar.text == key } else { false }
        }?.value
    }

    var text: String? {
        if case .scalar(let scalar) = content, !scalar.isNull { scalar.text } else { nil }
    }

    var number: Int? { text.flatMap { Int($0) } }

    var items: [YAMLNode] { if case .list(let items) = content { items } else { [] } }

    var entries: [(key: String, value: YAMLNode)] {
        guard case .mapping(let entries) = content else { return [] }
        return entries.compactMap { entry in
            if case .scalar(let scalar) = entry.key.content { (scalar.text, entry.value) } else { nil }
        }
    }
}
