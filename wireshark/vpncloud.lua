-- Wireshark dissector for the protocol of vpncloud: every field of its packets with a filter name, notes on what is
-- malformed or odd, and the frames in them as Wireshark shows any other.
--
-- For Wireshark and tshark from 4.0 on, with Lua 5.2 to 5.4. How to install and use it: docs/inspecting.md.
-- It shows what encrypted packets say where Wireshark's Lua has ciphers (from 4.6 on), vpncloud-key.lua is beside this
-- file, and the preferences have the shared key. For all others, 'vpncloud pcap decrypt' opens captures.

set_plugin_info({ version = "1.0", description = "VpnCloud, a peer-to-peer VPN" })

local vpncloud = Proto("vpncloud", "VpnCloud")

-- What stands in packets ---------------------------------------------------------------------------------------------

local HEADER_BYTES, NONCE_BYTES, TAG_BYTES = 8, 12, 16
local DEFAULT_MAGIC = 0x76706e01
local DEFAULT_PORT = "3210"

local NO_ENCRYPTION = 0
local METHODS = { [0] = "none", [1] = "ChaCha20-Poly1305", [2] = "AES-256-GCM" }
local DATA, PEERS, INIT, CLOSE = 0, 1, 2, 3
local TYPES = { [DATA] = "data", [PEERS] = "peers", [INIT] = "init", [CLOSE] = "close" }
local STAGES = { [0] = "request", [1] = "response" }

-- Nodes send a list every half of their timeout less a minute, so that programs in the field send none below this.
local SHORTEST_PEER_TIMEOUT = 120
-- The greatest VLAN number (IEEE 802.1Q, 9.6).
local LAST_VLAN = 4094
-- The most entries of a list in the info column. The tree has them all.
local ENTRIES_IN_INFO = 8
-- The most packets within packets that are shown, where a tunnel goes through tunnels.
local DEEPEST = 8

-- Fields -------------------------------------------------------------------------------------------------------------

local fields = {
    magic = ProtoField.uint32("vpncloud.magic", "Magic", base.HEX),
    crypto_method = ProtoField.uint8("vpncloud.crypto_method", "Crypto method", base.DEC, METHODS),
    reserved = ProtoField.uint16("vpncloud.reserved", "Reserved bytes", base.HEX),
    type = ProtoField.uint8("vpncloud.type", "Message type", base.DEC, TYPES),
    nonce = ProtoField.bytes("vpncloud.nonce", "Nonce"),
    ciphertext = ProtoField.bytes("vpncloud.ciphertext", "Ciphertext"),
    tag = ProtoField.bytes("vpncloud.tag", "Tag"),
    opened = ProtoField.bool("vpncloud.opened", "Opened with the shared key"),

    frame = ProtoField.bytes("vpncloud.data.frame", "Frame"),
    device_type = ProtoField.string("vpncloud.data.device_type", "Device type"),

    stage = ProtoField.uint8("vpncloud.init.stage", "Stage", base.DEC, STAGES),
    node_id = ProtoField.bytes("vpncloud.init.node_id", "Node id"),
    subnet_count = ProtoField.uint8("vpncloud.init.subnet_count", "Number of subnets"),
    subnet = ProtoField.string("vpncloud.init.subnet", "Subnet"),
    address_length = ProtoField.uint8("vpncloud.init.subnet.address_length", "Bytes of the base address"),
    subnet_ipv4 = ProtoField.ipv4("vpncloud.init.subnet.ipv4", "Base address"),
    subnet_ipv6 = ProtoField.ipv6("vpncloud.init.subnet.ipv6", "Base address"),
    subnet_vlan = ProtoField.uint16("vpncloud.init.subnet.vlan", "VLAN"),
    subnet_mac = ProtoField.ether("vpncloud.init.subnet.mac", "Base address"),
    subnet_bytes = ProtoField.bytes("vpncloud.init.subnet.bytes", "Base address"),
    prefix_length = ProtoField.uint8("vpncloud.init.subnet.prefix_length", "Prefix length"),
    init_trailing = ProtoField.bytes("vpncloud.init.trailing", "Bytes after the subnets"),
    peer_timeout = ProtoField.uint16("vpncloud.init.peer_timeout", "Peer timeout in seconds"),

    ipv4_count = ProtoField.uint8("vpncloud.peers.ipv4_count", "Number of IPv4 addresses"),
    ipv6_count = ProtoField.uint8("vpncloud.peers.ipv6_count", "Number of IPv6 addresses"),
    address = ProtoField.string("vpncloud.peers.address", "Address"),
    ipv4 = ProtoField.ipv4("vpncloud.peers.ipv4", "IPv4 address"),
    ipv6 = ProtoField.ipv6("vpncloud.peers.ipv6", "IPv6 address"),
    port = ProtoField.uint16("vpncloud.peers.port", "Port"),
    peers_trailing = ProtoField.bytes("vpncloud.peers.trailing", "Bytes after the addresses"),

    close_trailing = ProtoField.bytes("vpncloud.close.trailing", "Bytes after the header"),

    undecoded = ProtoField.bytes("vpncloud.undecoded", "Not decoded"),
}
vpncloud.fields = fields

-- Notes --------------------------------------------------------------------------------------------------------------

-- What can be said of a packet: name, words, group, severity. Programs drop what has an ERROR; the info column says so.
local notes, experts = {}, {}
for _, entry in ipairs({
    { "truncated", "Bytes are missing", "MALFORMED", "ERROR" },
    { "unknown_crypto_method", "Unknown crypto method", "MALFORMED", "ERROR" },
    { "unknown_type", "Unknown message type", "MALFORMED", "ERROR" },
    { "unknown_stage", "Unknown stage", "MALFORMED", "ERROR" },
    { "unknown_address_length", "A base address has 4, 6, 8 or 16 bytes", "MALFORMED", "ERROR" },
    { "long_prefix", "The prefix is longer than the address", "MALFORMED", "ERROR" },
    { "no_ip_packet", "No IP packet, as data of a TUN device is", "MALFORMED", "ERROR" },
    { "no_ethernet_frame", "Too short for an Ethernet frame, as data of a TAP device is", "MALFORMED", "ERROR" },
    { "wrong_tag", "The tag does not fit: another key, or not the bytes that were sent", "DECRYPTION", "ERROR" },
    { "empty_frame", "Data without a frame", "MALFORMED", "ERROR" },
    { "cut", "The capture has only the start of the packet", "UNDECODED", "NOTE" },
    { "sealed", "Encrypted", "UNDECODED", "CHAT" },
    { "malformed_frame", "Wireshark cannot read the frame to its end", "UNDECODED", "WARN" },
    { "nested", "Too many packets within packets", "UNDECODED", "WARN" },
    { "foreign_magic", "The magic of another network", "PROTOCOL", "NOTE" },
    { "reserved_bytes", "The reserved bytes are not 0", "PROTOCOL", "NOTE" },
    { "zero_node_id", "A node id of zeros is not random", "PROTOCOL", "WARN" },
    { "host_bits", "The base address has bits beyond the prefix", "PROTOCOL", "NOTE" },
    { "odd_vlan", "No VLAN has this number", "PROTOCOL", "WARN" },
    { "no_peer_timeout", "No peer timeout, which programs 1.1 to 1.4 read here", "PROTOCOL", "WARN" },
    { "short_peer_timeout", "With a timeout this short, programs in the field send no lists", "PROTOCOL", "NOTE" },
    { "unusable_address", "Nothing can be sent to this address", "PROTOCOL", "WARN" },
    { "link_local_address", "A link-local address means nothing to other machines", "PROTOCOL", "NOTE" },
    { "mapped_address", "An IPv4 address among those of IPv6, as only dialect 1 has them", "PROTOCOL", "NOTE" },
    { "trailing_bytes", "Bytes that no dialect has a use for", "PROTOCOL", "NOTE" },
}) do
    local name, words, group, severity = entry[1], entry[2], entry[3], entry[4]
    experts[name] = ProtoExpert.new("vpncloud.expert." .. name, words, expert.group[group], expert.severity[severity])
    notes[name] = { expert = experts[name], words = words, is_fault = severity == "ERROR" }
end
vpncloud.experts = experts

-- Puts a note on an item, in words of its own or the usual ones. The packet keeps the first fault for the info column.
local function note(packet, item, name, words)
    words = words or notes[name].words
    item:add_proto_expert_info(notes[name].expert, words)
    if notes[name].is_fault and not packet.fault then packet.fault = words end
end

-- Preferences --------------------------------------------------------------------------------------------------------

local ANY_DIALECT, MANUAL, V0_8, V0_9, V1 = 0, 1, 2, 3, 4
local ANY_DEVICE, TUN, TAP = 0, 1, 2

-- What libgcrypt calls the ciphers of the methods; nil where Wireshark does not hand them to Lua.
local ciphers = GcryptCipher and {
    [1] = { algorithm = GCRY_CIPHER_CHACHA20, mode = GCRY_CIPHER_MODE_POLY1305 },
    [2] = { algorithm = GCRY_CIPHER_AES256, mode = GCRY_CIPHER_MODE_GCM },
}

-- The functions that make keys of passwords, and why there are none.
local key_derivation, no_key_reason
if ciphers then
    -- Wireshark tells a script its folder only in some versions and places; Lua always does.
    local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
    local found, result = pcall(dofile, folder .. "vpncloud-key.lua")
    key_derivation = found and result or nil
    no_key_reason = found and "no shared key is given" or "vpncloud-key.lua is not beside vpncloud.lua"
else
    no_key_reason = "this Wireshark has no ciphers"
end

local preferences = vpncloud.prefs
preferences.port = Pref.range("UDP ports", DEFAULT_PORT,
    "The ports of nodes. Packets between other ports are known by their magic.", 65535)
preferences.magic = Pref.string("Magic", "",
    "The magic of the network: 8 hexadecimal digits, or hash:NAME. Without one, any magic on the ports above and the "
    .. "default one, 76706e01, elsewhere.")
preferences.dialect = Pref.enum("Dialect", ANY_DIALECT,
    "What the programs of the network speak (their option --compat): it decides how names become magics and passwords "
    .. "become keys, and what an Init message ends with.", {
        { "automatic", "automatic", ANY_DIALECT },
        { "manual", "manual", MANUAL },
        { "0.8", "0.8", V0_8 },
        { "0.9", "0.9", V0_9 },
        { "1", "1", V1 },
    }, false)
preferences.device_type = Pref.enum("Device type", ANY_DEVICE,
    "What data messages hold: IP packets of TUN devices or Ethernet frames of TAP devices. Automatic: as they look.",
    { { "automatic", "automatic", ANY_DEVICE }, { "tun", "tun", TUN }, { "tap", "tap", TAP } }, false)
if key_derivation then
    preferences.shared_key = Pref.string("Shared key", "",
        "The password of the network. Wireshark writes it to a file as it is. In the dialects manual and 0.8 it takes "
        .. "some seconds until it is a key.")
else
    preferences.no_shared_key = Pref.statictext("Encrypted messages cannot be opened here: " .. no_key_reason
        .. ". The ciphers come with Wireshark 4.6; 'vpncloud pcap decrypt' opens captures for all.", "")
end

-- Reading ------------------------------------------------------------------------------------------------------------

local function bytes_text(count) return count == 1 and "1 byte" or count .. " bytes" end

-- A place in a buffer that moves on with each field and never goes beyond the end. There may be no buffer (nil), which
-- has no bytes then.
local Reader = {}
Reader.__index = Reader

function Reader.new(packet, tree, buffer, offset)
    return setmetatable({
        packet = packet,
        tree = tree,
        buffer = buffer,
        offset = offset,
        stop = buffer and buffer:len() or 0,
    }, Reader)
end

function Reader:left() return self.stop - self.offset end

-- The next bytes. Where fewer are left, shows those, notes that some of `what` are missing, and returns nil.
function Reader:take(count, what)
    local left = self:left()
    if left >= count then
        local range = self.buffer(self.offset, count)
        self.offset = self.offset + count
        return range
    end
    local item = self.tree
    if left > 0 then item = item:add(fields.undecoded, self.buffer(self.offset, left)) end
    self.offset = self.stop
    if self.packet.is_cut then
        note(self.packet, item, "cut")
    else
        note(self.packet, item, "truncated",
            string.format("%d of %s of %s are missing", count - left, bytes_text(count), what))
    end
    return nil
end

-- The bytes up to the end, nil where there are none.
function Reader:rest()
    local left = self:left()
    return left > 0 and self:take(left) or nil
end

-- Text ---------------------------------------------------------------------------------------------------------------

-- The functions of Wireshark would put names in place of addresses, where it has been asked to.
local function ipv4_text(range)
    return string.format("%d.%d.%d.%d", range(0, 1):uint(), range(1, 1):uint(), range(2, 1):uint(), range(3, 1):uint())
end

local function mac_text(range) return (range:bytes():tohex(true, ":")) end

-- Whether this is an IPv4 address in its IPv6 form (RFC 4291, 2.5.5.2).
local function is_mapped(range) return range(0, 12):bytes():tohex(true) == "00000000000000000000ffff" end

-- An IPv6 address with its longest run of zeros left out, in lower case (RFC 5952).
local function ipv6_text(range)
    if is_mapped(range) then return "::ffff:" .. ipv4_text(range(12, 4)) end
    local groups, start, length, run = {}, 0, 1, 0
    for index = 1, 8 do
        local group = range(2 * index - 2, 2):uint()
        groups[index] = string.format("%x", group)
        run = group == 0 and run + 1 or 0
        if run > length then start, length = index - run + 1, run end
    end
    if start == 0 then return table.concat(groups, ":") end
    return table.concat(groups, ":", 1, start - 1) .. "::" .. table.concat(groups, ":", start + length, 8)
end

local function list_text(entries)
    if #entries <= ENTRIES_IN_INFO then return table.concat(entries, " ") end
    return string.format("%s ... (%d in all)", table.concat(entries, " ", 1, ENTRIES_IN_INFO), #entries)
end

-- Init ---------------------------------------------------------------------------------------------------------------

-- Whether an address has bits beyond its first `prefix` ones.
local function has_host_bits(address, prefix)
    for index = 0, address:len() - 1 do
        local significant = math.min(8, math.max(0, prefix - 8 * index))
        if address(index, 1):uint() % 2 ^ (8 - significant) ~= 0 then return true end
    end
    return false
end

-- A base address as text, by its length. One of an unknown length is in hexadecimal digits.
local function base_text(address)
    local length = address:len()
    if length == 4 then return ipv4_text(address) end
    if length == 16 then return ipv6_text(address) end
    if length == 6 then return mac_text(address) end
    if length == 8 then return address(0, 2):uint() .. "/" .. mac_text(address(2, 6)) end
    return address:bytes():tohex(true)
end

local function show_base(packet, item, address)
    local length = address:len()
    if length == 4 then
        item:add(fields.subnet_ipv4, address)
    elseif length == 16 then
        item:add(fields.subnet_ipv6, address)
    elseif length == 6 then
        item:add(fields.subnet_mac, address)
    elseif length == 8 then
        local vlan_item = item:add(fields.subnet_vlan, address(0, 2))
        if address(0, 2):uint() > LAST_VLAN then note(packet, vlan_item, "odd_vlan") end
        item:add(fields.subnet_mac, address(2, 6))
    else
        item:add(fields.subnet_bytes, address)
    end
end

-- Shows the next subnet and returns it as text; nil where the message ends within it.
local function subnet(packet, reader, tree)
    if reader:left() == 0 then
        reader:take(1, "a subnet")
        return nil
    end
    local length = reader.buffer(reader.offset, 1):uint()
    local entry = reader:take(length + 2, "a subnet")
    if not entry then return nil end
    local address = length > 0 and entry(1, length)
    local prefix = entry(length + 1, 1)
    local text = string.format("%s/%d", address and base_text(address) or "", prefix:uint())
    local item = tree:add(fields.subnet, entry, text)
    local length_item = item:add(fields.address_length, entry(0, 1))
    if address then show_base(packet, item, address) end
    local prefix_item = item:add(fields.prefix_length, prefix)
    if length ~= 4 and length ~= 6 and length ~= 8 and length ~= 16 then
        note(packet, length_item, "unknown_address_length",
            "A base address of " .. bytes_text(length) .. ", where 4, 6, 8 and 16 are known")
    elseif prefix:uint() > 8 * length then
        note(packet, prefix_item, "long_prefix",
            string.format("A prefix of %d bits of an address that has %d", prefix:uint(), 8 * length))
    elseif has_host_bits(address, prefix:uint()) then
        note(packet, prefix_item, "host_bits")
    end
    return text
end

-- Shows what follows the subnets, and returns the peer timeout as text where it is one.
local function init_trailing(packet, reader, tree)
    local wants_timeout = preferences.dialect == V1
    local rest = reader:rest()
    if not rest then
        if wants_timeout then note(packet, tree, "no_peer_timeout") end
        return ""
    end
    local item = tree:add(fields.init_trailing, rest)
    local has_timeout = wants_timeout and rest:len() >= 2 or preferences.dialect == ANY_DIALECT and rest:len() == 2
    if not has_timeout then
        note(packet, item, wants_timeout and "no_peer_timeout" or "trailing_bytes")
        return ", and " .. bytes_text(rest:len()) .. " more"
    end
    local timeout = rest(0, 2)
    local timeout_item = item:add(fields.peer_timeout, timeout)
    if timeout:uint() < SHORTEST_PEER_TIMEOUT then note(packet, timeout_item, "short_peer_timeout") end
    if rest:len() > 2 then note(packet, item, "trailing_bytes") end
    return string.format(", timeout %d s", timeout:uint())
end

local function dissect_init(packet, reader, tree)
    local stage = reader:take(1, "the stage")
    if not stage then return "init" end
    local stage_item = tree:add(fields.stage, stage)
    local name = STAGES[stage:uint()]
    if not name then note(packet, stage_item, "unknown_stage", "Unknown stage " .. stage:uint()) end
    local summary = string.format("init, stage %d (%s)", stage:uint(), name or "unknown")

    local node_id = reader:take(16, "the node id")
    if not node_id then return summary end
    local node_text = node_id:bytes():tohex(true)
    local node_item = tree:add(fields.node_id, node_id)
    if not node_text:find("[^0]") then note(packet, node_item, "zero_node_id") end
    summary = summary .. ", node " .. node_text

    local count = reader:take(1, "the number of subnets")
    if not count then return summary end
    tree:add(fields.subnet_count, count)
    local subnets, complete = {}, true
    for index = 1, count:uint() do
        local text = subnet(packet, reader, tree)
        if not text then
            complete = false
            break
        end
        subnets[index] = text
    end
    summary = summary .. (#subnets == 0 and ", no subnets" or ", subnets " .. list_text(subnets))
    return complete and summary .. init_trailing(packet, reader, tree) or summary
end

-- Peers --------------------------------------------------------------------------------------------------------------

local function note_address(packet, item, address, port)
    local first = address(0, 1):uint()
    local is_ipv4 = address:len() == 4
    local hexadecimal = address:bytes():tohex(true)
    local is_group = first == 255
    if is_ipv4 then is_group = math.floor(first / 16) == 14 or hexadecimal == "ffffffff" end
    if port == 0 or is_group or not hexadecimal:find("[^0]") then
        note(packet, item, "unusable_address")
    elseif not is_ipv4 and first == 0xfe and math.floor(address(1, 1):uint() / 64) == 2 then
        note(packet, item, "link_local_address")
    elseif not is_ipv4 and is_mapped(address) and preferences.dialect ~= ANY_DIALECT and preferences.dialect ~= V1 then
        note(packet, item, "mapped_address")
    end
end

-- Shows a count and as many addresses, and adds them to `texts`. Returns whether they were all there.
local function addresses(packet, reader, tree, texts, count_field, address_field, address_bytes, what)
    local count = reader:take(1, "the number of " .. what .. " addresses")
    if not count then return false end
    tree:add(count_field, count)
    for _ = 1, count:uint() do
        local entry = reader:take(address_bytes + 2, "an " .. what .. " address")
        if not entry then return false end
        local address, port = entry(0, address_bytes), entry(address_bytes, 2)
        local host = address_bytes == 4 and ipv4_text(address) or "[" .. ipv6_text(address) .. "]"
        local text = host .. ":" .. port:uint()
        local item = tree:add(fields.address, entry, text)
        item:add(address_field, address)
        item:add(fields.port, port)
        note_address(packet, item, address, port:uint())
        texts[#texts + 1] = text
    end
    return true
end

local function dissect_peers(packet, reader, tree)
    local texts = {}
    local complete = addresses(packet, reader, tree, texts, fields.ipv4_count, fields.ipv4, 4, "IPv4")
        and addresses(packet, reader, tree, texts, fields.ipv6_count, fields.ipv6, 16, "IPv6")
    local summary = "peers, " .. (#texts == 0 and "none" or list_text(texts))
    local rest = complete and reader:rest()
    if not rest then return summary end
    note(packet, tree:add(fields.peers_trailing, rest), "trailing_bytes")
    return summary .. ", and " .. bytes_text(rest:len()) .. " more"
end

-- Close --------------------------------------------------------------------------------------------------------------

local function dissect_close(packet, reader, tree)
    local rest = reader:rest()
    if not rest then return "close" end
    note(packet, tree:add(fields.close_trailing, rest), "trailing_bytes")
    return "close, and " .. bytes_text(rest:len()) .. " more"
end

-- Data ---------------------------------------------------------------------------------------------------------------

local ipv4_dissector = Dissector.get("ip")
local ipv6_dissector = Dissector.get("ipv6")
local ethernet_dissector = Dissector.get("eth_withoutfcs")

-- What Ethernet frames mostly hold: IPv4, ARP, VLAN tags, IPv6 (IEEE 802 numbers).
local USUAL_ETHERTYPES = { [0x0800] = true, [0x0806] = true, [0x8100] = true, [0x88a8] = true, [0x86dd] = true }

-- The IP version that a frame has if it is an IP packet with its headers, and whether its length field fits.
local function ip_version(frame)
    local version, length = math.floor(frame(0, 1):uint() / 16), frame:len()
    if version == 4 and length >= 20 then return 4, frame(2, 2):uint() == length end
    if version == 6 and length >= 40 then return 6, frame(4, 2):uint() + 40 == length end
    return nil, false
end

-- Whether a frame is of a TUN device, going by its bytes: a MAC address can begin as an IP packet does.
local function looks_like_tun(frame)
    local version, fits = ip_version(frame)
    if fits or frame:len() < 14 then return true end
    return version ~= nil and not USUAL_ETHERTYPES[frame(12, 2):uint()]
end

-- How many packets are around the frame that is shown.
local depth = 0

-- Hands a frame to Wireshark, which then has the info column after our own words.
local function show_frame(packet, item, frame, dissector)
    if depth >= DEEPEST then
        note(packet, item, "nested")
        return
    end
    packet.has_info = true
    packet.pinfo.cols.info:set("data: ")
    packet.pinfo.cols.info:fence()
    depth = depth + 1
    -- Where a dissector of Wireshark runs out of bytes it shows so, and then Lua has an error.
    local is_whole = pcall(dissector.call, dissector, frame:tvb(), packet.pinfo, packet.root)
    depth = depth - 1
    if not is_whole then note(packet, item, "malformed_frame") end
end

local function dissect_data(packet, reader, tree)
    local frame = reader:rest()
    if not frame then
        note(packet, tree, packet.is_cut and "cut" or "empty_frame")
        return "data, 0 bytes"
    end
    local item = tree:add(fields.frame, frame)
    local device = preferences.device_type
    local is_tun = device == TUN or device == ANY_DEVICE and looks_like_tun(frame)
    tree:add(fields.device_type, is_tun and "tun" or "tap"):set_generated()
    local summary = "data, " .. bytes_text(frame:len())
    if is_tun then
        local version = ip_version(frame)
        if version then
            show_frame(packet, item, frame, version == 4 and ipv4_dissector or ipv6_dissector)
        elseif not packet.is_cut then
            note(packet, item, "no_ip_packet")
        end
    elseif frame:len() >= 14 then
        show_frame(packet, item, frame, ethernet_dissector)
    elseif not packet.is_cut then
        note(packet, item, "no_ethernet_frame")
    end
    return summary
end

local dissect_message = {
    [DATA] = dissect_data,
    [PEERS] = dissect_peers,
    [INIT] = dissect_init,
    [CLOSE] = dissect_close,
}

-- Magics of names ----------------------------------------------------------------------------------------------------

-- Eight bytes of a text as a number, the first one least significant.
local function little_endian(text, first)
    local words = {}
    for word = 0, 1 do
        local a, b, c, d = text:byte(first + 4 * word, first + 4 * word + 3)
        words[word] = a + 256 * (b + 256 * (c + 256 * d))
    end
    return UInt64.new(words[0], words[1])
end

-- SipHash-2-4 with a key of zeros (Aumasson and Bernstein, "SipHash: a fast short-input PRF").
local function siphash(text)
    local a, b = UInt64.new(0x70736575, 0x736f6d65), UInt64.new(0x6e646f6d, 0x646f7261)
    local c, d = UInt64.new(0x6e657261, 0x6c796765), UInt64.new(0x79746573, 0x74656462)
    local function mix(rounds)
        for _ = 1, rounds do
            a, c = a + b, c + d
            b, d = b:rol(13):bxor(a), d:rol(16):bxor(c)
            a = a:rol(32)
            c, a = c + b, a + d
            b, d = b:rol(17):bxor(c), d:rol(21):bxor(a)
            c = c:rol(32)
        end
    end
    local padded = text .. string.rep("\0", 7 - #text % 8) .. string.char(#text % 256)
    for first = 1, #padded, 8 do
        local word = little_endian(padded, first)
        d = d:bxor(word)
        mix(2)
        a = a:bxor(word)
    end
    c = c:bxor(UInt64.new(0xff, 0))
    mix(4)
    return a:bxor(b):bxor(c):bxor(d)
end

-- The magic of a name: the low half of its hash. A byte ff ends the name.
local function named_magic(name) return siphash(name .. "\255"):lower() end

-- The magics that a text means, as keys of a table; nil where it is none.
local function magics_of(text, dialect)
    local name = text:match("^hash:(.*)$")
    if not name then return text:match("^%x%x%x%x%x%x%x%x$") and { [tonumber(text, 16)] = true } or nil end
    local magics = {}
    if dialect ~= V0_8 then magics[named_magic(name)] = true end
    -- 0.8 leaves out the first character, of which UTF-8 has further bytes from 128 to 191.
    if dialect == V0_8 or dialect == ANY_DIALECT then
        magics[named_magic((name:gsub("^.[\128-\191]*", "", 1)))] = true
    end
    return magics
end

-- Opening ------------------------------------------------------------------------------------------------------------

-- The keys that packets may be sealed with, the one that fitted last first. Each is derived when it is first tried.
local keys = {}
local password, dialect_of_keys

local function set_keys(new_password, dialect)
    if new_password == password and dialect == dialect_of_keys then return end
    password, dialect_of_keys, keys = new_password, dialect, {}
    if password == "" then return end
    if dialect ~= MANUAL and dialect ~= V0_8 then keys[#keys + 1] = { derive = key_derivation.pbkdf2_key } end
    if dialect ~= V0_9 and dialect ~= V1 then keys[#keys + 1] = { derive = key_derivation.scrypt_key } end
end

local function bytes_of(text) return ByteArray.new(text, true, "") end

-- The message of a sealed packet as a ByteArray, nil where the tag does not fit the key.
local function open_with(key, method, header, nonce, ciphertext, tag)
    local cipher = GcryptCipher.open(ciphers[method].algorithm, ciphers[method].mode, 0)
    cipher:setkey(key)
    cipher:setiv(nonce)
    cipher:authenticate(header)
    local message = ciphertext:len() > 0 and cipher:decrypt(nil, ciphertext) or ciphertext
    return cipher:checktag(tag) == 0 and message or nil
end

local function open(...)
    for index, key in ipairs(keys) do
        key.bytes = key.bytes or bytes_of(key.derive(password))
        local done, message = pcall(open_with, key.bytes, ...)
        if done and message then
            keys[1], keys[index] = keys[index], keys[1]
            return message
        end
    end
    return nil
end

-- Packets ------------------------------------------------------------------------------------------------------------

-- What nodes of this network begin their packets with; nil where any will do.
local magics

-- Shows nonce, ciphertext and tag. Returns a reader of the message where it can be opened, and else what to say of it.
local function unseal(packet, reader, tree, method, buffer)
    local nonce = reader:take(NONCE_BYTES, "the nonce")
    if not nonce then return nil, "" end
    tree:add(fields.nonce, nonce)
    if packet.is_cut then
        local rest = reader:rest()
        if rest then tree:add(fields.ciphertext, rest) end
        note(packet, tree, "cut")
        return nil, ", sealed with " .. METHODS[method]
    end
    local ciphertext = reader:left() > TAG_BYTES and reader:take(reader:left() - TAG_BYTES)
    if ciphertext then tree:add(fields.ciphertext, ciphertext) end
    local tag = reader:take(TAG_BYTES, "the tag")
    if not tag then return nil, "" end
    local tag_item = tree:add(fields.tag, tag)
    local size = bytes_text(ciphertext and ciphertext:len() or 0)
    local words = string.format(", %s sealed with %s", size, METHODS[method])
    if #keys == 0 then
        note(packet, tree, "sealed", "Encrypted, and " .. no_key_reason)
        return nil, words .. " (" .. no_key_reason .. ")"
    end
    local message = open(method, buffer(0, HEADER_BYTES):bytes(), nonce:bytes(),
        ciphertext and ciphertext:bytes() or ByteArray.new(), tag:bytes())
    tree:add(fields.opened, message ~= nil):set_generated()
    if not message then
        note(packet, tag_item, "wrong_tag")
        return nil, words
    end
    return Reader.new(packet, tree, message:len() > 0 and message:tvb("Opened message") or nil, 0)
end

-- Shows the header. Returns method and type, nil where the packet ends within it or nothing can follow.
local function dissect_header(packet, reader, tree)
    local magic = reader:take(4, "the magic")
    if not magic then return nil end
    local magic_item = tree:add(fields.magic, magic)
    if magics and not magics[magic:uint()] then note(packet, magic_item, "foreign_magic") end
    local method = reader:take(1, "the crypto method")
    if not method then return nil end
    local method_item = tree:add(fields.crypto_method, method)
    if not METHODS[method:uint()] then
        note(packet, method_item, "unknown_crypto_method", "Unknown crypto method " .. method:uint())
    end
    local reserved = reader:take(2, "the reserved bytes")
    if not reserved then return nil end
    local reserved_item = tree:add(fields.reserved, reserved)
    if reserved:uint() ~= 0 then note(packet, reserved_item, "reserved_bytes") end
    local type = reader:take(1, "the message type")
    if not type then return nil end
    local type_item = tree:add(fields.type, type)
    if not TYPES[type:uint()] then
        note(packet, type_item, "unknown_type", "Unknown message type " .. type:uint())
    end
    return method:uint(), type:uint()
end

-- Shows what follows the header, and returns it in words.
local function dissect_body(packet, reader, tree, method, type, buffer)
    if METHODS[method] and method ~= NO_ENCRYPTION then
        local opened, words = unseal(packet, reader, tree, method, buffer)
        if not opened then return (TYPES[type] or "unknown") .. words end
        reader = opened
    end
    if METHODS[method] and TYPES[type] then return dissect_message[type](packet, reader, tree) end
    local rest = reader:rest()
    if rest then tree:add(fields.undecoded, rest) end
    return TYPES[type] or "unknown"
end

function vpncloud.dissector(buffer, pinfo, root)
    local length = buffer:len()
    if length == 0 then return 0 end
    pinfo.cols.protocol:set("VpnCloud")
    pinfo.cols.info:clear()
    local tree = root:add(vpncloud, buffer())
    local packet = { pinfo = pinfo, root = root, is_cut = length < buffer:reported_len() }
    local reader = Reader.new(packet, tree, buffer, 0)
    local method, type = dissect_header(packet, reader, tree)
    local summary = method and dissect_body(packet, reader, tree, method, type, buffer) or "no whole header"
    tree:append_text(", " .. summary)
    if not packet.has_info then pinfo.cols.info:set(summary) end
    if packet.fault then pinfo.cols.info:append(" [" .. packet.fault .. "]") end
    return length
end

-- Takes packets between any ports that begin as those of the network do.
local function is_ours(buffer)
    if buffer:len() < HEADER_BYTES then return false end
    if not METHODS[buffer(4, 1):uint()] or not TYPES[buffer(7, 1):uint()] then return false end
    local magic = buffer(0, 4):uint()
    if magics then return magics[magic] == true end
    return magic == DEFAULT_MAGIC
end

vpncloud:register_heuristic("udp", function(buffer, pinfo, root)
    if not is_ours(buffer) then return false end
    vpncloud.dissector(buffer, pinfo, root)
    pinfo.conversation = vpncloud
    return true
end)

-- Registering --------------------------------------------------------------------------------------------------------

local udp_ports = DissectorTable.get("udp.port")
local registered_ports

local function register_ports(ports)
    if ports == registered_ports then return end
    if registered_ports and registered_ports ~= "" then udp_ports:remove(registered_ports, vpncloud) end
    if ports ~= "" then udp_ports:add(ports, vpncloud) end
    registered_ports = ports
end

function vpncloud.prefs_changed()
    register_ports(preferences.port)
    magics = magics_of(preferences.magic, preferences.dialect)
    set_keys(key_derivation and preferences.shared_key or "", preferences.dialect)
end

register_ports(DEFAULT_PORT)
