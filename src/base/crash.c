/* crash.c - see crash.h. Everything below crash_init runs in a process that may be broken
 * in any way: no memory, no locks, no stdio. */
#define _GNU_SOURCE
#include "base/crash.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK_BYTES (64 * 1024)
#define FRAMES_MAX 64

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
    {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"},
};
#define SIGNALS (sizeof signals / sizeof *signals)

static const char *version_line;
static void (*sections[CRASH_SECTIONS_MAX])(int fd);
static size_t section_count;
static char alt_stack[ALT_STACK_BYTES] __attribute__((aligned(16)));
static atomic_int reporting_thread; /* its id; 0 while all is well */

void crash_write_bytes(int fd, const void *p, size_t n) {
    const char *at = p;
    while (n) {
        ssize_t written = write(fd, at, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        at += written;
        n -= (size_t)written;
    }
}

void crash_write(int fd, const char *text) { crash_write_bytes(fd, text, strlen(text)); }

void crash_write_i64(int fd, int64_t v) {
    char buf[NUM_INT_BYTES_MAX];
    crash_write_bytes(fd, buf, num_format_i64(buf, v));
}

void crash_write_hex(int fd, uint64_t v) {
    char buf[18], *p = buf + sizeof buf;
    do {
        *--p = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    *--p = 'x';
    *--p = '0';
    crash_write_bytes(fd, p, (size_t)(buf + sizeof buf - p));
}

void crash_write_stack(int fd) {
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    backtrace_symbols_fd(frames, n, fd);
}

static int thread_id(void) { return (int)syscall(SYS_gettid); }

/* False when this thread is reporting already; does not return when another one is. */
static bool begin_report(void) {
    int expected = 0, me = thread_id();
    if (atomic_compare_exchange_strong(&reporting_thread, &expected, me)) return true;
    while (expected != me) pause();
    return false;
}

static void write_opening(int fd) {
    crash_write(fd, "\n=== CRASH REPORT ===\n");
    crash_write(fd, version_line);
    crash_write(fd, "\nprocess ");
    crash_write_i64(fd, getpid());
    crash_write(fd, ", thread ");
    crash_write_i64(fd, thread_id());
    crash_write(fd, "\n");
}

static void write_rest(int fd) {
    crash_write(fd, "STACK TRACE:\n");
    crash_write_stack(fd);
    for (size_t i = 0; i < section_count; i++) sections[i](fd);
    crash_write(fd, "=== END OF CRASH REPORT ===\n");
}

static uint64_t program_counter(const void *context) {
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return uc->uc_mcontext.pc;
#else
    (void)uc;
    return 0;
#endif
}

static void write_signal(int fd, int number, const siginfo_t *info, const void *context) {
    const char *name = "?";
    for (size_t i = 0; i < SIGNALS; i++) {
        if (signals[i].number == number) name = signals[i].name;
    }
    crash_write(fd, "crashed by signal: ");
    crash_write_i64(fd, number);
    crash_write(fd, " (");
    crash_write(fd, name);
    if (info->si_code > 0) {
        crash_write(fd, ") at address ");
        crash_write_hex(fd, (uint64_t)(uintptr_t)info->si_addr);
    } else {
        crash_write(fd, ") sent by process ");
        crash_write_i64(fd, info->si_pid);
    }
    crash_write(fd, ", program counter ");
    crash_write_hex(fd, program_counter(context));
    crash_write(fd, "\n");
}

/* The signal is blocked while its handler runs, so the one raised here ends the process as
 * the handler returns, with the context of the crash in its core. */
static void on_signal(int number, siginfo_t *info, void *context) {
    if (begin_report()) {
        int fd = log_crash_fd();
        write_opening(fd);
        write_signal(fd, number, info, context);
        write_rest(fd);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void on_panic(void) {
    if (!begin_report()) return;
    int fd = log_crash_fd();
    write_opening(fd);
    crash_write(fd, panic_text());
    crash_write(fd, "\n");
    write_rest(fd);
}

void crash_init(const char *version) {
    version_line = version;
    /* The first backtrace() loads a library; later ones allocate nothing. */
    void *frame;
    backtrace(&frame, 1);
    stack_t stack = {.ss_sp = alt_stack, .ss_size = sizeof alt_stack};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++) sigaction(signals[i].number, &action, NULL);
    panic_set_reporter(on_panic);
}

void crash_fini(void) {
    for (size_t i = 0; i < SIGNALS; i++) signal(signals[i].number, SIG_DFL);
    panic_set_reporter(NULL);
}

void crash_add_section(void (*section)(int fd)) {
    ASSERT(section_count < CRASH_SECTIONS_MAX);
    sections[section_count++] = section;
}
