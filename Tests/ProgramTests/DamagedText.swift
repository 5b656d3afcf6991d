import VPNNode

/// A text with up to four bytes changed, removed or put in: most of the new ones mean something to YAML.
func damaged(_ original: [UInt8], with specials: [UInt8], _ numbers: inout RandomNumbers) -> [UInt8] {
    var bytes = original
    for _ in 0...numbers.next(below: 4) {
        let place = numbers.next(below: bytes.count)
        switch numbers.next(below: 3) {
        case 0: bytes[place] = UInt8(numbers.next(below: 256))
        case 1: bytes.remove(at: place)
        default: bytes.insert(specials[numbers.next(below: specials.count)], at: place)
        }
    }
    return bytes
}
