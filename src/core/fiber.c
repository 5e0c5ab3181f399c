/* fiber.c - see fiber.h. */
#include "core/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

#ifndef __x86_64__
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

struct fiber {
    char *map; /* guard page, then the stack */
    size_t map_bytes;
    size_t guard_bytes;
    void (*fn)(void *arg);
    void *arg;
    bool over;
#ifdef __x86_64__
    void *inner, *outer; /* stack pointers of the side that does not run */
#else
    ucontext_t inner, outer;
#endif
#ifdef __SANITIZE_ADDRESS__
    void *inner_fake, *outer_fake;
    const void *outer_stack;
    size_t outer_bytes;
#endif
#ifdef __SANITIZE_THREAD__
    void *inner_tsan, *outer_tsan;
#endif
};

static struct fiber *entered; /* the fiber whose stack is used for the first time */

/* ---- the switch --------------------------------------------------------------------- */

#ifdef __x86_64__

/* Keeps what the ABI lets a callee keep on this stack, and takes the same from the other. */
static __attribute__((naked, noinline)) void switch_stack(void **keep __attribute__((unused)),
                                                          void *to __attribute__((unused))) {
    __asm__("pushq %rbp\n\t"
            "pushq %rbx\n\t"
            "pushq %r12\n\t"
            "pushq %r13\n\t"
            "pushq %r14\n\t"
            "pushq %r15\n\t"
            "movq %rsp, (%rdi)\n\t"
            "movq %rsi, %rsp\n\t"
            "popq %r15\n\t"
            "popq %r14\n\t"
            "popq %r13\n\t"
            "popq %r12\n\t"
            "popq %rbx\n\t"
            "popq %rbp\n\t"
            "ret");
}

static void go_in(struct fiber *f) { switch_stack(&f->outer, f->inner); }
static void go_out(struct fiber *f) { switch_stack(&f->inner, f->outer); }

#define SAVED_WORDS 6

/* A stack that switch_stack takes for one that called it from `entry`'s first instruction. */
static void prepare(struct fiber *f, void (*entry)(void)) {
    void **top = (void **)(void *)(f->map + f->map_bytes);
    *--top = NULL; /* as if a call had pushed its return address */
    *--top = (void *)entry;
    for (int i = 0; i < SAVED_WORDS; i++) *--top = NULL;
    f->inner = top;
}

#else

static void go_in(struct fiber *f) { swapcontext(&f->outer, &f->inner); }
static void go_out(struct fiber *f) { swapcontext(&f->inner, &f->outer); }

static void prepare(struct fiber *f, void (*entry)(void)) {
    getcontext(&f->inner);
    f->inner.uc_stack.ss_sp = f->map + f->guard_bytes;
    f->inner.uc_stack.ss_size = f->map_bytes - f->guard_bytes;
    f->inner.uc_link = NULL;
    makecontext(&f->inner, entry, 0);
}

#endif

/* ---- what the sanitizers want to know ----------------------------------------------- */

static inline void enter(struct fiber *f) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&f->outer_fake, f->map + f->guard_bytes,
                                   f->map_bytes - f->guard_bytes);
#endif
#ifdef __SANITIZE_THREAD__
    f->outer_tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->inner_tsan, 0);
#endif
    go_in(f);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(f->outer_fake, NULL, NULL);
#endif
}

static inline void arrived(struct fiber *f) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(f->inner_fake, &f->outer_stack, &f->outer_bytes);
#else
    (void)f;
#endif
}

static inline void leave(struct fiber *f) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&f->inner_fake, f->outer_stack, f->outer_bytes);
#endif
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(f->outer_tsan, 0);
#endif
    go_out(f);
    arrived(f);
}

/* ---- fibers ------------------------------------------------------------------------- */

static void serve(void) {
    struct fiber *f = entered;
    arrived(f);
    for (;;) {
        f->fn(f->arg);
        f->over = true;
        leave(f);
    }
}

struct fiber *fiber_new(size_t stack_bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (stack_bytes + page - 1) / page * page;
    char *map = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED) return NULL;
    if (mprotect(map, page, PROT_NONE)) {
        munmap(map, bytes + page);
        return NULL;
    }
    struct fiber *f = mem_calloc(sizeof *f);
    f->map = map;
    f->map_bytes = bytes + page;
    f->guard_bytes = page;
    f->over = true;
#ifdef __SANITIZE_THREAD__
    f->inner_tsan = __tsan_create_fiber(0);
#endif
    prepare(f, serve);
    return f;
}

void fiber_free(struct fiber *f) {
#ifdef __SANITIZE_THREAD__
    __tsan_destroy_fiber(f->inner_tsan);
#endif
    munmap(f->map, f->map_bytes);
    mem_free(f);
}

bool fiber_resume(struct fiber *f) {
    ASSERT(!f->over);
    entered = f;
    enter(f);
    return f->over;
}

bool fiber_start(struct fiber *f, void (*fn)(void *arg), void *arg) {
    ASSERT(f->over);
    f->fn = fn;
    f->arg = arg;
    f->over = false;
    return fiber_resume(f);
}

void fiber_stop(struct fiber *f) { leave(f); }
