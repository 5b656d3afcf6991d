#pragma once
#include <stdint.h>

/// How often this thread has allocated memory since it began.
uint64_t allocations_of_this_thread(void);

/// How many bytes this thread has allocated and not freed since it began, as the allocator rounded them up. What another
/// thread frees is not taken off.
int64_t held_bytes_of_this_thread(void);
