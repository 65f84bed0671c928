#include "AllocationCounter.h"

#include <errno.h>
#include <stdlib.h>

__attribute__((noinline)) void hebb_counted(void (*body)(void *), void *context) {
    body(context);
    /* No jump in place of the call. */
    __asm__ volatile("");
}

#ifdef __GLIBC__

/* glibc's own entries, beside the names that a program may define itself. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local uint64_t count;

bool hebb_counts_allocations(void) { return true; }
uint64_t hebb_allocation_count(void) { return count; }

void *malloc(size_t size) {
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count++;
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count++;
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    count++;
    void *found = __libc_memalign(alignment, size);
    if (!found) return ENOMEM;
    *out = found;
    return 0;
}

#else

bool hebb_counts_allocations(void) { return false; }
uint64_t hebb_allocation_count(void) { return 0; }

#endif
