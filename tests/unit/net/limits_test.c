/* limits_test.c - the limit of descriptors, and the warning about the backlog. */
#include "net/limits.h"

#include <string.h>
#include <sys/resource.h>

#include "support/suite.h"

static void raises_to_what_is_wanted(void) {
    struct rlimit limit;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit low = {.rlim_cur = 64, .rlim_max = limit.rlim_max};
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &low), 0);
    CU_ASSERT_EQUAL(net_raise_fd_limit(50), 64);
    CU_ASSERT_EQUAL(net_raise_fd_limit(100), 100);
    getrlimit(RLIMIT_NOFILE, &limit);
    CU_ASSERT_EQUAL(limit.rlim_cur, 100);
    CU_ASSERT_EQUAL(limit.rlim_max, low.rlim_max);
}

/* More than any kernel grants, even to root. */
static void goes_as_far_as_allowed(void) {
    uint64_t got = net_raise_fd_limit(UINT64_C(1) << 40);
    struct rlimit limit;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CU_ASSERT_EQUAL(got, limit.rlim_cur);
    CU_ASSERT_EQUAL(limit.rlim_cur, limit.rlim_max);
}

static void warns_of_a_short_backlog(void) {
    char text[256] = "";
    CU_ASSERT_FALSE(net_backlog_warning(1, text, sizeof text));
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT(net_backlog_warning(2000000000, text, sizeof text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "tcp-backlog 2000000000 has no full effect"));
    CU_ASSERT_PTR_NULL(strchr(text, '\n'));
}

int main(void) {
    static const struct suite_test tests[] = {
        {"raises_to_what_is_wanted", raises_to_what_is_wanted},
        {"goes_as_far_as_allowed", goes_as_far_as_allowed},
        {"warns_of_a_short_backlog", warns_of_a_short_backlog},
        {NULL, NULL},
    };
    return suite_main("net/limits", tests);
}
