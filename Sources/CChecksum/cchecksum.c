#include "cchecksum.h"

#define BLOCK 64

typedef uint64_t words __attribute__((vector_size(BLOCK), aligned(1), may_alias));

// Eight lanes of 64 bits. What the upper halves add is counted apart, so that no carry is lost: the sum of the lower halves
// is `all` less the upper ones, modulo 2^64, which it does not reach.
__attribute__((always_inline)) static inline uint64_t sum(const uint8_t *bytes, size_t count) {
    words all = {0}, upper = {0};
    for (const uint8_t *end = bytes + count; bytes != end; bytes += BLOCK) {
        const words next = *(const words *)bytes;
        all += next;
        upper += next >> 32;
    }
    const words lanes = all - (upper << 32) + upper;
    uint64_t total = 0;
    for (int lane = 0; lane < 8; lane++) total += lanes[lane];
    return total;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *bytes, size_t count) {
    return sum(bytes, count);
}

uint64_t cchecksum_sum(const uint8_t *bytes, size_t count) {
    // Looks at a word that is set once, before the program's first line.
    return __builtin_cpu_supports("avx2") ? sum_avx2(bytes, count) : sum(bytes, count);
}

#else

uint64_t cchecksum_sum(const uint8_t *bytes, size_t count) { return sum(bytes, count); }

#endif
