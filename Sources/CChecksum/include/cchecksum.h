#pragma once
// The one's complement sum of many bytes, in the widest registers that the processor has. In C, since Swift compiles for
// the least processor of a kind and has no way to say otherwise for one function.

#include <stddef.h>
#include <stdint.h>

/// The sum of the 32-bit words of `count` bytes in the order of this machine, of which `count` is a multiple of 64. Less
/// than 2^48 for up to 256 KiB.
uint64_t cchecksum_sum(const uint8_t *bytes, size_t count);
