-- How passwords become keys, for vpncloud.lua, which must find this file beside it. Plain Lua, since Wireshark hands
-- ciphers to Lua but no hashes.
--
-- Words have 32 bits and may be negative, as the functions of 'bit' have them; sums may be longer until these cut them.

local band, bnot, bxor, rol, ror, rshift, bswap = bit.band, bit.bnot, bit.bxor, bit.rol, bit.ror, bit.rshift, bit.bswap

local function words_of(text)
    local words = {}
    for first = 1, #text, 4 do
        local a, b, c, d = text:byte(first, first + 3)
        words[#words + 1] = ((a * 256 + b) * 256 + c) * 256 + d
    end
    return words
end

local function text_of(words)
    local parts = {}
    for index, word in ipairs(words) do
        parts[index] = string.char(
            rshift(word, 24), band(rshift(word, 16), 255), band(rshift(word, 8), 255), band(word, 255))
    end
    return table.concat(parts)
end

-- SHA-256 (FIPS 180-4): the constants of its rounds, and the state it starts with.
local ROUND_CONSTANTS = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
local START = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }

-- The state after a block of 16 words, to which this adds more.
local function compress(state, w)
    for t = 17, 64 do
        local x, y = w[t - 15], w[t - 2]
        w[t] = bxor(w[t - 16] + bxor(ror(x, 7), ror(x, 18), rshift(x, 3)) + w[t - 7]
            + bxor(ror(y, 17), ror(y, 19), rshift(y, 10)))
    end
    local a, b, c, d, e, f, g, h = table.unpack(state)
    for t = 1, 64 do
        local first = h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g))
            + ROUND_CONSTANTS[t] + w[t]
        local second = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c))
        h, g, f, e, d, c, b, a = g, f, e, bxor(d + first), c, b, a, bxor(first + second)
    end
    local sums = { a, b, c, d, e, f, g, h }
    for index = 1, 8 do sums[index] = bxor(sums[index] + state[index]) end
    return sums
end

-- The hash of a text in words, where `state` has taken in the `before` bytes before it. Texts are shorter than 512 MiB.
local function hash(text, state, before)
    text = text .. "\128" .. string.rep("\0", (59 - #text) % 64) .. text_of({ 8 * (before + #text) })
    for first = 1, #text, 64 do state = compress(state, words_of(text:sub(first, first + 63))) end
    return state
end

-- HMAC-SHA256 (RFC 2104) with a key, as a function from texts to words.
local function hmac(key)
    if #key > 64 then key = text_of(hash(key, START, 0)) end
    local words = words_of(key .. string.rep("\0", 64 - #key))
    local function state_of(pad)
        local padded = {}
        for index, word in ipairs(words) do padded[index] = bxor(word, pad) end
        return compress(START, padded)
    end
    local inner, outer = state_of(0x36363636), state_of(0x5c5c5c5c)
    return function(text) return hash(text_of(hash(text, inner, 64)), outer, 64) end
end

-- PBKDF2-HMAC-SHA256 (RFC 8018).
local function pbkdf2(password, salt, rounds, byte_count)
    local keyed, parts = hmac(password), {}
    for block = 1, math.ceil(byte_count / 32) do
        local last = keyed(salt .. text_of({ block }))
        local sum = last
        for _ = 2, rounds do
            last = keyed(text_of(last))
            local next_sum = {}
            for index = 1, 8 do next_sum[index] = bxor(sum[index], last[index]) end
            sum = next_sum
        end
        parts[block] = text_of(sum)
    end
    return table.concat(parts):sub(1, byte_count)
end

-- Salsa20/8 (RFC 7914, 3) of `x` xor the 16 words of `b` after `at`, which `x` becomes. A key takes half a million of
-- these, so the rounds are written out by a program, with operators where Lua has them (from 5.3 on).
local salsa
do
    local quarter = load("return 1 ~ 1") and [[
        t = A + D & 0xffffffff B = B ~ (t << 7 | t >> 25) & 0xffffffff
        t = B + A & 0xffffffff C = C ~ (t << 9 | t >> 23) & 0xffffffff
        t = C + B & 0xffffffff D = D ~ (t << 13 | t >> 19) & 0xffffffff
        t = D + C & 0xffffffff A = A ~ (t << 18 | t >> 14) & 0xffffffff
    ]] or [[
        B = bxor(B, rol(A + D, 7))
        C = bxor(C, rol(B + A, 9))
        D = bxor(D, rol(C + B, 13))
        A = bxor(A, rol(D + C, 18))
    ]]
    local quarters, names = {}, {}
    for index, numbers in ipairs({
        { 0, 4, 8, 12 }, { 5, 9, 13, 1 }, { 10, 14, 2, 6 }, { 15, 3, 7, 11 },
        { 0, 1, 2, 3 }, { 5, 6, 7, 4 }, { 10, 11, 8, 9 }, { 15, 12, 13, 14 },
    }) do
        local words = {}
        for place, number in ipairs(numbers) do words[("ABCD"):sub(place, place)] = "w" .. number end
        quarters[index] = quarter:gsub("[ABCD]", words)
    end
    for number = 0, 15 do names[number + 1] = "w" .. number end
    local list = table.concat(names, ", ")
    salsa = load([[
        local bxor, rol = ...
        return function(x, b, at)
            for index = 1, 16 do x[index] = bxor(x[index], b[at + index]) end
            local t
            local ]] .. list .. [[ = table.unpack(x)
            for _ = 1, 4 do ]] .. table.concat(quarters) .. [[ end
            for index, word in ipairs({ ]] .. list .. [[ }) do x[index] = bxor(word + x[index]) end
        end
    ]])(bxor, rol)
end

-- scrypt's BlockMix (RFC 7914, 4) of 32 * r words.
local function block_mix(b, r)
    local x, mixed = {}, {}
    for index = 1, 16 do x[index] = b[32 * r - 16 + index] end
    for block = 0, 2 * r - 1 do
        salsa(x, b, 16 * block)
        local to = 16 * (block % 2 == 0 and block / 2 or r + (block - 1) / 2)
        for index = 1, 16 do mixed[to + index] = x[index] end
    end
    return mixed
end

-- scrypt (RFC 7914) without parallel blocks. n is a power of two.
local function scrypt(password, salt, n, r, byte_count)
    local b, kept = words_of(pbkdf2(password, salt, 1, 128 * r)), {}
    for index, word in ipairs(b) do b[index] = bswap(word) end
    for index = 0, n - 1 do
        kept[index] = b
        b = block_mix(b, r)
    end
    for _ = 1, n do
        local other, sum = kept[band(b[32 * r - 15], n - 1)], {}
        for index = 1, 32 * r do sum[index] = bxor(b[index], other[index]) end
        b = block_mix(sum, r)
    end
    for index, word in ipairs(b) do b[index] = bswap(word) end
    return pbkdf2(password, text_of(b), 1, byte_count)
end

-- The salt of all networks, and libsodium's interactive limits.
local SALT = "vpncloudVPNCLOUDvpncl0udVpnCloud"

-- The key of a password in the dialects manual and 0.8.
local function scrypt_key(password) return scrypt(password, SALT, 16384, 8, 32) end

-- The key of a password in the dialects 0.9 and 1.
local function pbkdf2_key(password)
    local digits = password:match("^hex:(%x+)$")
    if digits and #digits == 64 then
        return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
    end
    return pbkdf2((password:gsub("^hash:", "")), SALT, 4096, 32)
end

return { scrypt = scrypt, scrypt_key = scrypt_key, pbkdf2_key = pbkdf2_key }
