public import VPNProtocol

/// Why a peer is a peer no more.
public enum PeerLoss: String, Sendable, CaseIterable {
    /// It was silent for the peer timeout.
    case timedOut = "timed out"
    /// It said that it leaves.
    case closed
    /// Another node has its address: it was started anew.
    case replaced
    /// The table was full, and it had been silent for longest.
    case evicted
}

/// Something that happened in a node. Logs are made of these, and simulations assert on them.
public enum Event: Hashable, Sendable {
    /// A handshake made a peer of a node.
    case peerJoined(NodeID, Endpoint, claims: Int)
    /// A peer is gone.
    case peerLost(NodeID, Endpoint, PeerLoss)
    /// A peer was heard from another address, too.
    case addressLearned(NodeID, Endpoint)
    /// A peer had as many addresses as it may, and its oldest was forgotten.
    case addressEvicted(NodeID, Endpoint)
    /// A peer is sent to at another address than before.
    case addressMoved(NodeID, from: Endpoint, to: Endpoint)
    /// An address is this node's own, and is not contacted for a while.
    case ownAddressFound(Endpoint)
    /// A station was seen at a peer.
    case stationLearned(StationAddress, NodeID)
    /// A station was seen at another peer than before.
    case stationMoved(StationAddress, NodeID)
    /// A station was not seen for the station timeout.
    case stationForgotten(StationAddress)
    /// The table was full, and this station was not seen for longest.
    case stationEvicted(StationAddress)
    /// A peer claims more than the table of claims can hold; so many of its subnets are not used.
    case claimsIgnored(NodeID, count: Int)
    /// So many addresses from the list of a peer are not contacted, since too many are waiting.
    case contactsIgnored(from: Endpoint, count: Int)
    /// A configured peer is tried again.
    case connecting(PeerName, attempt: Int)
    /// A name did not resolve.
    case unresolved(PeerName)
    /// Peer lists went out to so many peers.
    case listsSent(peers: Int)
    /// A router forwards the port.
    case portMapped(Endpoint)
    /// No router forwards the port.
    case portMappingLost
    /// A datagram or frame was dropped. The source is nil for a frame from the device.
    case dropped(DropReason, Endpoint?)
    /// The system refused to send to an address. The number is the system's error code.
    case sendFailed(Endpoint, errorCode: Int32)
    /// A message came; only with ``NodeConfiguration/reportsMessages``.
    case received(MessageType, Endpoint, bytes: Int)
    /// A message goes out; only with ``NodeConfiguration/reportsMessages``.
    case sending(MessageType, destinations: Int, bytes: Int)
}

/// Why a datagram or a frame goes no further.
public enum DropReason: Int, Sendable, CaseIterable {
    /// Too short for a header, or for nonce and tag.
    case truncatedPacket
    /// The magic of another network.
    case foreignMagic
    /// Sealed in another way than this network seals.
    case foreignMethod
    /// None of the four message types.
    case unknownMessageType
    /// The tag does not fit.
    case unauthentic
    /// An Init message that is none.
    case malformedInit
    /// A peer list that is none.
    case malformedList
    /// Data or a list from an address that is no peer's.
    case unknownSender
    /// An Init, or a Close, that its node sent before something already received.
    case notFresh
    /// A Close from an address that is no peer's.
    case closeFromStranger
    /// This node's own message came back.
    case ownMessage
    /// A frame too short for its addresses, or of an unknown IP version.
    case malformedFrame
    /// No peer claims the destination.
    case unknownDestination
    /// There is no peer to send to.
    case noPeers
    /// A frame from the device was longer than a datagram can be.
    case oversizedFrame
    /// The device refused a frame.
    case deviceRefused

    /// The name in the statistics file.
    public var name: String { String(describing: self) }
}

/// A bounded table of a node, as a cause of evictions.
public enum BoundedTable: Int, Sendable, CaseIterable {
    /// The peers.
    case peers
    /// The addresses of one peer.
    case addresses
    /// The learned stations.
    case stations
    /// The claimed subnets.
    case claims
    /// The addresses that wait for an Init.
    case contacts
    /// The node's own addresses.
    case ownAddresses
    /// The nodes that left.
    case departedNodes

    /// The name in the statistics file.
    public var name: String { String(describing: self) }
}
