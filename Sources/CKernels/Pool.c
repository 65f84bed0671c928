#define _GNU_SOURCE

#include "Pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *word is `seen`; may wake without cause. */
static void sleep_on(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}
struct hebb_pool {
    /* The work. Written while no part is left to claim and none runs, so that a thread which has
     * claimed a part reads what belongs to it. */
    void (*part)(const void *context, size_t index, size_t thread);
    const void *context;
    /* How many parts nobody has claimed yet, below the number of the work: one word, so that a
     * thread that was late cannot claim a part of a work that it did not see begin. */
    _Alignas(64) _Atomic uint64_t unclaimed;
    /* Parts that are not done. */
    _Alignas(64) _Atomic uint32_t pending;
    _Atomic uint32_t waiting;
    /* Changes with every work, for those asleep. */
    _Alignas(64) _Atomic uint32_t epoch;
    _Atomic uint32_t sleepers;
    _Atomic bool closing;
    _Alignas(64) atomic_flag busy;
    /* Workers that have taken their number. */
    _Atomic uint32_t numbered;
    size_t threads;
    pthread_t *workers;
    /* Where each thread was last seen; the caller is the first. */
    _Atomic int processors[];
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool has_work(hebb_pool *p) { return (uint32_t)atomic_load(&p->unclaimed) != 0; }
static bool has_news(hebb_pool *p) { return has_work(p) || atomic_load(&p->closing); }
static bool is_done(hebb_pool *p) { return atomic_load(&p->pending) == 0; }

static void note_processor(hebb_pool *p, size_t thread) {
    atomic_store_explicit(&p->processors[thread], sched_getcpu(), memory_order_relaxed);
}

/* Whether a thread that is looked out for was last seen on this processor: the caller by the others,
 * any of the others by the caller. */
static bool is_in_the_way(hebb_pool *p, size_t thread) {
    int here = sched_getcpu();
    for (size_t i = thread ? 0 : 1; i < (thread ? 1 : p->threads); i++)
        if (atomic_load_explicit(&p->processors[i], memory_order_relaxed) == here) return true;
    return false;
}

/* Looks out for a while; whether it came. Where there is no processor for each thread, the one that
 * is looked out for gets this one; where there is, nobody else does. */
static bool spin(hebb_pool *p, size_t thread, bool (*came)(hebb_pool *)) {
    uint64_t end = nanoseconds() + HEBB_POOL_SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < 16; i++) {
            if (came(p)) return true;
            relax();
        }
        if (is_in_the_way(p, thread)) sched_yield();
    } while (nanoseconds() < end);
    return came(p);
}

/* Does parts until none is left to claim. */
static void work(hebb_pool *p, size_t thread) {
    note_processor(p, thread);
    uint64_t seen = atomic_load(&p->unclaimed);
    while ((uint32_t)seen != 0) {
        if (!atomic_compare_exchange_weak(&p->unclaimed, &seen, seen - 1)) continue;
        p->part(p->context, (uint32_t)seen - 1, thread);
        bool is_last = atomic_fetch_sub(&p->pending, 1) == 1;
        if (is_last && atomic_load(&p->waiting)) wake_all(&p->pending);
        seen = atomic_load(&p->unclaimed);
    }
}

static void *worker(void *context) {
    hebb_pool *p = context;
    /* The caller is the first. */
    size_t thread = atomic_fetch_add(&p->numbered, 1) + 1;
    while (!atomic_load(&p->closing)) {
        if (!spin(p, thread, has_news)) {
            atomic_fetch_add(&p->sleepers, 1);
            /* Read before the last look: what comes after it changes the epoch. */
            uint32_t epoch = atomic_load(&p->epoch);
            if (!has_news(p)) sleep_on(&p->epoch, epoch);
            atomic_fetch_sub(&p->sleepers, 1);
        }
        work(p, thread);
    }
    return NULL;
}

static void announce(hebb_pool *p) {
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleepers) != 0) wake_all(&p->epoch);
}

hebb_pool *hebb_pool_create(size_t threads) {
    size_t others = threads > 1 ? threads - 1 : 0;
    size_t size = sizeof(hebb_pool) + (others + 1) * sizeof(_Atomic int);
    hebb_pool *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p) return NULL;
    p->workers = malloc((others + 1) * sizeof(pthread_t));
    if (!p->workers) {
        free(p);
        return NULL;
    }
    for (size_t i = 0; i <= others; i++) atomic_init(&p->processors[i], -1);
    p->part = NULL;
    p->context = NULL;
    atomic_init(&p->unclaimed, 0);
    atomic_init(&p->pending, 0);
    atomic_init(&p->waiting, 0);
    atomic_init(&p->epoch, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->closing, false);
    atomic_flag_clear(&p->busy);
    atomic_init(&p->numbered, 0);
    p->threads = 1;
    /* Signals are for the threads that the program itself started. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->threads <= others &&
           pthread_create(&p->workers[p->threads - 1], NULL, worker, p) == 0)
        p->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p;
}

void hebb_pool_destroy(hebb_pool *p) {
    if (!p) return;
    atomic_store(&p->closing, true);
    announce(p);
    for (size_t i = 0; i + 1 < p->threads; i++) pthread_join(p->workers[i], NULL);
    free(p->workers);
    free(p);
}

size_t hebb_pool_threads(const hebb_pool *p) { return p ? p->threads : 1; }

void hebb_pool_run(
    hebb_pool *p, void (*part)(const void *context, size_t index, size_t thread),
    const void *context, size_t parts) {
    if (!p || p->threads == 1 || parts < 2 || parts > UINT32_MAX ||
        atomic_flag_test_and_set(&p->busy)) {
        for (size_t i = 0; i < parts; i++) part(context, i, 0);
        return;
    }
    p->part = part;
    p->context = context;
    atomic_store(&p->pending, (uint32_t)parts);
    uint64_t number = (atomic_load(&p->unclaimed) >> 32) + 1;
    atomic_store(&p->unclaimed, number << 32 | parts);
    announce(p);
    work(p, 0);
    if (!spin(p, 0, is_done)) {
        atomic_store(&p->waiting, 1);
        for (uint32_t left; (left = atomic_load(&p->pending)) != 0;) sleep_on(&p->pending, left);
        atomic_store(&p->waiting, 0);
    }
    atomic_flag_clear(&p->busy);
}
