/* limits.c - getrlimit(2), and net.core.somaxconn as listen(2) describes it. */
#include "net/limits.h"

#include <stdio.h>
#include <sys/resource.h>

uint64_t net_raise_fd_limit(uint64_t want) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur >= want) {
        return limit.rlim_cur;
    }
    /* Above the hard limit only with privilege; else as far as that. */
    struct rlimit raised = {.rlim_cur = want,
                            .rlim_max = limit.rlim_max > want ? limit.rlim_max : want};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return want;
    }
    raised = (struct rlimit){.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want,
                             .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

bool net_backlog_warning(int backlog, char *text, size_t n) {
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    if (!file) {
        return false;
    }
    int most = 0;
    int found = fscanf(file, "%d", &most);
    fclose(file);
    if (found != 1 || most <= 0 || most >= backlog) {
        return false;
    }
    snprintf(text, n,
             "tcp-backlog %d has no full effect: the kernel allows %d "
             "(raise it with sysctl net.core.somaxconn=%d)",
             backlog, most, backlog);
    return true;
}
