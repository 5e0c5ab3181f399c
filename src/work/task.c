/* task.c - see task.h. */
#include "work/task.h"

#include "base/clock.h"
#include "base/mem.h"

struct work_tasks {
    struct list list;
    bool paused;
};

struct work_tasks *work_tasks_new(void) {
    struct work_tasks *tasks = mem_calloc(sizeof *tasks);
    list_init(&tasks->list);
    return tasks;
}

void work_tasks_free(struct work_tasks *tasks) {
    while (list_pop_front(&tasks->list)) continue;
    mem_free(tasks);
}

void work_task_add(struct work_tasks *tasks, struct work_task *task) {
    list_link_init(&task->in_tasks);
    list_push_back(&tasks->list, &task->in_tasks);
    task->due_ms = task->period_ms ? INT64_MIN : INT64_MAX;
    task->runs = task->us_last = task->us_max = 0;
}

void work_tasks_pause(struct work_tasks *tasks, bool paused) { tasks->paused = paused; }

void work_task_drop(struct work_task *task) { list_unlink(&task->in_tasks); }

void work_task_note(struct work_task *task, uint64_t ticks) {
    task->runs++;
    task->us_last = clock_ticks_to_us(ticks);
    if (task->us_last > task->us_max) task->us_max = task->us_last;
}

int64_t work_tasks_run(struct work_tasks *tasks, int64_t now_ms) {
    int64_t next_ms = INT64_MAX;
    struct list_link *next;
    uint64_t mark = clock_ticks();
    for (struct list_link *l = list_first(&tasks->list); l; l = next) {
        struct work_task *task = LIST_MEMBER(l, struct work_task, in_tasks);
        next = list_next(&tasks->list, l);
        bool due = task->due_ms <= now_ms;
        if (due) task->due_ms = (now_ms / task->period_ms + 1) * task->period_ms;
        if (due && !tasks->paused) {
            task->run(task->ctx);
            uint64_t end = clock_ticks();
            work_task_note(task, end - mark);
            mark = end;
        }
        if (list_linked(l) && task->due_ms < next_ms) next_ms = task->due_ms;
    }
    return next_ms;
}

struct work_task *work_task_next(const struct work_tasks *tasks, const struct work_task *task) {
    const struct list_link *at = task ? &task->in_tasks : &tasks->list.head;
    struct list_link *next = list_next(&tasks->list, at);
    return next ? LIST_MEMBER(next, struct work_task, in_tasks) : NULL;
}
