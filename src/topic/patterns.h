/* patterns.h - which of many glob patterns match a name.
 *
 * A pattern is indexed by the literal bytes that it begins with (its prefix) and by those that it
 * ends with (its suffix):
 *
 *     news.sport     exact: prefix all of it
 *     news.*         prefix "news.", suffix ""        matches by these alone
 *     news.*.en      prefix "news.", suffix ".en"     likewise
 *     *.en           prefix "", suffix ".en"          likewise
 *     n[ea]ws.?.en   prefix "n", suffix ".en"         is tested, if name and length agree with
 * both, and the name has the other literal bytes too
 *
 * For a name each of its beginnings that is as long as some prefix is looked up, and with each
 * prefix found its ends likewise.
 *
 * I1  A pattern is in one group: that of its prefix and suffix. Groups and nodes are never empty.
 * I2  What matches is what glob_match_bounded says, and nothing else.
 * Cost of a match: a look-up for each different length of prefixes, and with each prefix found for
 * each of its suffixes', then glob_match for those that agree with the name at both ends and are
 * not decided by that. What is hashed is never more than the prefixes and suffixes that are there.
 * Threads: the owner's.
 */
#ifndef TOPIC_PATTERNS_H
#define TOPIC_PATTERNS_H

#include "base/bytes.h"
#include "base/table.h"

struct pattern_group;

/* Lies in whatever the pattern belongs to. */
struct pattern {
    struct slice text;           /* borrowed, until it is removed */
    struct pattern_group *group; /* the index's */
    size_t at;                   /* in the group */
    size_t bytes_min;            /* of a name that matches */
    bool is_tested;              /* the ends do not decide it */
    bool has_run;                /* a name may be longer than bytes_min */
};

/* Different lengths, rising, and how many there are of each. */
struct pattern_lengths {
    struct pattern_length {
        size_t bytes, count;
    } * at;
    size_t n, room;
};

struct patterns {
    size_t count;
    struct table nodes;             /* by prefix */
    struct pattern_lengths lengths; /* of the prefixes of nodes */
    struct pattern **hits;
    size_t hit_count, hits_room;
};

void patterns_init(struct patterns *ix);
/* Nothing must be in it. */
void patterns_fini(struct patterns *ix);

void patterns_add(struct patterns *ix, struct pattern *p, struct slice text);
void patterns_remove(struct patterns *ix, struct pattern *p);

/* All patterns that match, in no order: ix->hits, until the next call. Returns how many. */
size_t patterns_match(struct patterns *ix, struct slice name);

#endif
