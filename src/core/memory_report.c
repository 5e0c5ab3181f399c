/* memory_report.c - see memory_report.h. */
#include "core/memory_report.h"

#include <unistd.h>

#include "base/chunk.h"
#include "base/mem.h"
#include "core/session.h"
#include "core/stats.h"

#define EXPIRE_BYTES 8 /* in an entry */

size_t memory_of_table(const struct db *db) { return db->shelf->table.bytes; }

size_t memory_of_expires(const struct db *db) { return db_ttl_size(db) * EXPIRE_BYTES; }

static size_t memory_of_clients(const struct core *core) {
    size_t n = 0;
    for (struct list_link *l = list_first(&core->sessions); l; l = list_next(&core->sessions, l)) {
        n += session_memory(LIST_MEMBER(l, struct session, in_all));
    }
    return n;
}

static double ratio(size_t a, size_t b) { return b ? (double)a / (double)b : 0; }

static void add_allocator(struct memory_report *m, size_t slabs_live) {
    struct mem_stats stats;
    mem_allocator_stats(&stats);
    m->allocated = stats.allocated + slabs_live + mem_accounted();
    m->active = stats.active + slab_mapped();
    m->resident = stats.resident + slab_mapped() + chunk_idle_bytes();
    m->frag_ratio = ratio(m->active, m->allocated);
    m->frag_bytes = (int64_t)(m->active - m->allocated);
    m->allocator_rss_ratio = ratio(m->resident, m->active);
    m->allocator_rss_bytes = (int64_t)(m->resident - m->active);
    m->rss_overhead_ratio = ratio(m->rss, m->resident);
    m->rss_overhead_bytes = (int64_t)(m->rss - m->resident);
    m->total_ratio = ratio(m->rss, m->used);
    m->total_bytes = (int64_t)(m->rss - m->used);
}

void memory_report(const struct core *core, size_t used, struct memory_report *out) {
    const struct keyspace *ks = core->ks;
    size_t slabs_live = 0;
    *out = (struct memory_report){
        .used = used,
        .startup = core->startup_bytes,
        .rss = mem_rss(),
        .system = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE),
        .clients = memory_of_clients(core),
    };
    out->peak = core->stats.memory_peak > out->used ? core->stats.memory_peak : out->used;
    out->overhead = out->startup + out->clients;
    for (int i = 0; i < ks->db_count; i++) {
        const struct db *db = &ks->dbs[i];
        out->keys += db_size(db);
        slabs_live += db->shelf->slab.live;
        if (db_size(db)) out->overhead += memory_of_table(db) + memory_of_expires(db);
    }
    size_t taken = out->used > out->startup ? out->used - out->startup : 0;
    out->dataset = out->used > out->overhead ? out->used - out->overhead : 0;
    out->dataset_percent = 100 * ratio(out->dataset, taken);
    out->peak_percent = 100 * ratio(out->used, out->peak);
    out->bytes_per_key = out->keys ? taken / out->keys : 0;
    add_allocator(out, slabs_live);
}
