import Testing

/// A configuration that is wrong, and what is said about it.
struct BadConfiguration: Sendable, CustomTestStringConvertible {
    let text: String
    let faults: [String]

    init(_ text: String, _ faults: String...) {
        self.text = text
        self.faults = faults.map { "x.yaml:\($0)" }
    }

    var testDescription: String { text.split(separator: "\n").joined(separator: " ⏎ ") }

    static let all = kinds + values + lists + keys + syntax

    /// Values of another kind than their key's.
    private static let kinds = [
        Self("port: many", "1:7: port: expected a port number from 1 to 65535, found 'many'"),
        Self(
            "port: '3210'",
            "1:7: port: expected a port number from 1 to 65535, found the quoted text '3210'; leave out the quotes"),
        Self("port: [3210]", "1:7: port: expected a port number from 1 to 65535, found a list"),
        Self("port:", "1:6: port: expected a port number from 1 to 65535, found nothing"),
        Self("port: {a: 1}", "1:7: port: expected a port number from 1 to 65535, found a mapping"),
        Self("ifup:\n  - ip link\n", "2:3: ifup: expected a command, found a list"),
        Self("user: ''", "1:7: user: expected the name or number of a user, found the quoted text ''"),
        Self("device_type: [tap]", "1:14: device_type: expected 'tap' or 'tun', found a list"),
        Self("log_file: a\nstats_file: a", "2:1: 'log_file' and 'stats_file' are the same file; name different ones"),
        Self("port_forwarding: 1", "1:18: port_forwarding: expected true or false, found '1'"),
        Self(
            "port_forwarding: 'true'",
            "1:18: port_forwarding: expected true or false, found the quoted text 'true'; leave out the quotes"),
        Self(
            "shared_key:",
            "1:12: shared_key: has no value; leave the line out to send unencrypted, or put the text into quotes"),
        Self("shared_key: ''", "1:13: shared_key: the key is empty; leave it out to send unencrypted"),
        Self("shared_key: [a]", "1:13: shared_key: expected a text, found a list"),
    ]

    /// Values out of their range, or misspelled.
    private static let values = [
        Self("port: 65536", "1:7: port: expected a port number from 1 to 65535, found '65536'"),
        Self("port: -1", "1:7: port: expected a port number from 1 to 65535, found '-1'"),
        Self("port: 0x10", "1:7: port: expected a port number from 1 to 65535, found '0x10'"),
        Self("port: 010", "1:7: port: expected a port number from 1 to 65535, found '010'"),
        Self("peer_timeout: 0", "1:15: peer_timeout: expected a number of seconds from 1 to 65535, found '0'"),
        Self("peer_timeout: 65536", "1:15: peer_timeout: expected a number of seconds from 1 to 65535, found '65536'"),
        Self("peer_timeout: 30m", "1:15: peer_timeout: expected a number of seconds from 1 to 65535, found '30m'"),
        Self("dst_timeout: 1.5", "1:14: dst_timeout: expected a number of seconds from 1 to 4294967295, found '1.5'"),
        Self("capture_size: 0", "1:15: capture_size: expected a number of megabytes from 1 to 1000000, found '0'"),
        Self("capture_size: 10M", "1:15: capture_size: expected a number of megabytes from 1 to 1000000, found '10M'"),
        Self("record: ''", "1:9: record: expected the path of a file, found the quoted text ''"),
        Self("record_limit: no", "1:15: record_limit: expected a number of megabytes from 1 to 1000000, found 'no'"),
        Self("stats_file: a\nrecord: a", "2:1: 'stats_file' and 'record' are the same file; name different ones"),
        Self("capture_age: 0", "1:14: capture_age: expected a number of seconds from 1 to 4294967295, found '0'"),
        Self(
            "capture_files: 100001", "1:16: capture_files: expected a number of files from 1 to 100000, found '100001'"),
        Self("capture: ''", "1:10: capture: expected the path of a folder, found the quoted text ''"),
        Self("device_type: tab", "1:14: device_type: expected 'tap' or 'tun', found 'tab'"),
        Self("mode: bridge", "1:7: mode: expected 'normal', 'hub', 'switch' or 'router', found 'bridge'"),
        Self("crypto: aes128", "1:9: crypto: expected 'aes256' or 'chacha20', found 'aes128'"),
        Self(
            "crypto: none",
            "1:9: crypto: 'none' is not right: leave out the shared key instead to send unencrypted; else 'aes256' or 'chacha20'"
        ),
        Self(
            "crypto_provider: openssl",
            "1:18: crypto_provider: expected 'auto', 'libsodium' or 'ipsec-mb', found 'openssl'"),
        Self("compat: 2", "1:9: compat: expected 'manual', '0.8', '0.9' or '1', found '2'"),
        Self(
            "magic: 7670",
            "1:8: magic: expected 8 hexadecimal digits like 76706e01, or 'hash:' and a name, found '7670'"),
        Self(
            "magic: 7670-e01",
            "1:8: magic: expected 8 hexadecimal digits like 76706e01, or 'hash:' and a name, found '7670-e01'"),
        Self("magic: 'hash:'", "1:8: magic: 'hash:' is not right: the name after 'hash:' is missing"),
        Self(
            "device_name: vpncloud-of-mine%d",
            "1:14: device_name: expected a device name of 1 to 15 bytes, found 'vpncloud-of-mine%d'"),
        Self(
            "device_name: a/b",
            "1:14: device_name: 'a/b' is not right: a device name has no '/', no ':' and no blanks, and is not '.' or '..'"
        ),
        Self(
            "device_name: a%s",
            "1:14: device_name: 'a%s' is not right: only one '%d' may stand in a device name, and no other '%'"),
        Self(
            "compat: 0.9\nshared_key: hex:123\n",
            "2:1: shared_key: a shared key that begins with 'hex:' must go on with 64 hexadecimal digits"),
    ]

    /// Peers and subnets.
    private static let lists = [
        Self("peers: a:1", "1:8: peers: expected a list, one '- value' a line, found 'a:1'"),
        Self("peers: {a: 1}", "1:8: peers: expected a list, one '- value' a line, found a mapping"),
        Self(
            "peers:\n  - host:0\n",
            "2:5: peers: expected an address like host:3210, 192.0.2.1:3210 or [2001:db8::1]:3210, found 'host:0'"),
        Self(
            "peers:\n  - host: 3210\n",
            "2:5: peers: expected an address like host:3210, 192.0.2.1:3210 or [2001:db8::1]:3210, found a mapping; write no blank after a colon"
        ),
        Self(
            "peers:\n  - 300.0.0.1:3210\n",
            "2:5: peers: expected an address like host:3210, 192.0.2.1:3210 or [2001:db8::1]:3210, found '300.0.0.1:3210'"
        ),
        Self(
            "peers:\n  - [2001:db8::1]:3210\n",
            "2:18: this is not valid YAML: did not find expected '-' indicator; put an address in brackets into quotes"),
        Self("subnets: 10.0.0.0/8", "1:10: subnets: expected a list, one '- value' a line, found '10.0.0.0/8'"),
        Self(
            "subnets:\n  - 10.0.0.0\n",
            "2:5: subnets: '10.0.0.0' is not right: the prefix length is missing; write it like 10.1.1.0/24"),
        Self(
            "subnets:\n  - 10.0.0.0/33\n",
            "2:5: subnets: '10.0.0.0/33' is not right: '/33' is no prefix length; write one from 0 to 32"),
        Self(
            "subnets:\n  - fd00::/129\n",
            "2:5: subnets: 'fd00::/129' is not right: '/129' is no prefix length; write one from 0 to 128"),
        Self(
            "subnets:\n  - 10.0.0/8\n",
            "2:5: subnets: '10.0.0/8' is not right: '10.0.0' is no IPv4, IPv6 or MAC address"),
        Self(
            "subnets:\n  - 4095/02:00:00:00:00:01/64\n",
            "2:5: subnets: '4095/02:00:00:00:00:01/64' is not right: '4095' is no VLAN number; write one from 0 to 4094"
        ),
        Self(
            "subnets: [[10.0.0.0/8]]",
            "1:11: subnets: expected a subnet like 10.1.1.0/24, fd00:1::/64 or 02:00:00:00:00:01/48, found a list; put an address in brackets into quotes"
        ),
        Self(
            "subnets:\n" + (0...255).map { "  - 10.0.\($0).0/24\n" }.joined(),
            "1:1: subnets: 256 are more than a node can claim; at most 255"),
    ]

    /// Keys that are unknown, written twice, or exclude each other.
    private static let keys = [
        Self("devicename: x", "1:1: unknown key 'devicename'; did you mean 'device_name'?"),
        Self("peer-timeout: 1", "1:1: unknown key 'peer-timeout'; did you mean 'peer_timeout'?"),
        Self("Port: 1", "1:1: unknown key 'Port'; did you mean 'port'?"),
        Self("listen: 1", "1:1: unknown key 'listen'; the key of the option --listen is 'port'"),
        Self("connect: [a]", "1:1: unknown key 'connect'; the key of the option --connect is 'peers'"),
        Self("daemon: true", "1:1: unknown key 'daemon'; --daemon is for the command line only"),
        Self(
            "zzzzzzzzzz: true",
            "1:1: unknown key 'zzzzzzzzzz'; the keys are device_type, device_name, device_path, ifup, ifdown, mode, port, peers, subnets, peer_timeout, dst_timeout, port_forwarding, offload, compat, crypto, crypto_provider, shared_key, shared_key_file, magic, user, group, pid_file, log_file, stats_file, capture, capture_filter, capture_size, capture_age, capture_files, record, record_limit"
        ),
        Self("port: 1\nport: 2\n", "2:1: 'port' is already set in line 1; keep one of them"),
        Self(
            "shared_key: a\nshared_key_file: b\n",
            "2:1: 'shared_key' and 'shared_key_file' are both set; keep one of them"),
        Self("[a]: 1", "1:1: expected a key, found a list"),
    ]

    /// Texts that are no YAML, or more YAML than is read.
    private static let syntax = [
        Self("- port\n", "1:1: expected lines of the form 'key: value', found a list"),
        Self("port", "1:1: expected lines of the form 'key: value', found 'port'"),
        Self(
            "port 3210\nmode: hub\n",
            "2:5: this is not valid YAML: mapping values are not allowed in this context; put a text with special characters into quotes"
        ),
        Self(
            "peers:\n\t- a:1\n",
            "2:1: this is not valid YAML: found character that cannot start any token; indent with blanks, not tabs"),
        Self(
            "ifup: %up\n",
            "1:7: this is not valid YAML: found character that cannot start any token; put a text with special characters into quotes"
        ),
        Self(
            "ifup: 'ip\n",
            "2:1: this is not valid YAML: found unexpected end of stream; put a text with special characters into quotes"
        ),
        Self("port: &p 1\n", "1:7: anchors (&name) are not supported; leave them out"),
        Self("port: *p\n", "1:7: aliases (*name) are not supported; write the value out"),
        Self("port: !!int 1\n", "1:7: the tag 'tag:yaml.org,2002:int' is not supported; leave it out"),
        Self("port: 1\n---\nport: 2\n", "2:1: a file holds one YAML document only"),
        Self(
            "ifup: \u{1}\n",
            "1:7: this is no text: it holds the byte or character 1 (hexadecimal), which YAML does not allow"),
    ]
}
