#include "allocations.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

// glibc's own functions, which the overrides below count and pass on to.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static _Thread_local uint64_t allocations;
static _Thread_local int64_t held;

uint64_t allocations_of_this_thread(void) { return allocations; }
int64_t held_bytes_of_this_thread(void) { return held; }

static void *count(void *memory) {
    allocations++;
    held += (int64_t)malloc_usable_size(memory);
    return memory;
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }

void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }

void *realloc(void *memory, size_t size) {
    int64_t before = (int64_t)malloc_usable_size(memory);
    void *result = __libc_realloc(memory, size);
    if (result != NULL || size == 0) held -= before;
    return count(result);
}

void *aligned_alloc(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *result = count(__libc_memalign(alignment, size));
    if (result == NULL) return ENOMEM;
    *memory = result;
    return 0;
}

void free(void *memory) {
    held -= (int64_t)malloc_usable_size(memory);
    __libc_free(memory);
}
