import VPNNode

@testable import VPNLinuxIO

extension OutputBatch.FrameLayout {
    /// Where a frame is, given where the first one begins and the gap that they were split with.
    func range(_ index: Int, from start: Int, gap: Int) -> Range<Int> {
        let first = start + index * (frameBytes + gap)
        return first..<first + (index == count - 1 ? lastBytes : frameBytes)
    }
}

/// The bytes that a frame needs once it is split, with the gap after each segment; nil where it is malformed.
func spreadBytes(_ header: OffloadHeader, frame: [UInt8], gap: Int, deviceType: DeviceType) -> Int? {
    if header.segmentation == .none { return frame.count + gap }
    return SegmentLayout(header, frame.span, 0..<frame.count, deviceType)?.spreadBytes(gap: gap)
}
