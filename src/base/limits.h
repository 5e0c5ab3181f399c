/* limits.h - the sizes and times that bound how much is done or kept at once, in one place.
 *
 * What a format or a protocol fixes stands with its code; what could as well be another number
 * stands here, so that relations between parts are seen and checked. A STRESS build takes small
 * ones, which makes the rare paths common: buffers overflow, chains grow, values share, turns end
 * early.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>

#ifdef STRESS

#define TABLE_LEAF_BITS 2
#define ENTRY_INLINE_BYTES_MAX 60
#define GARBAGE_BLOB_BYTES_MIN 200
#define LATER_HERE_BYTES 300
#define LATER_BLOCK_BYTES_MIN 60
#define EXPIRE_BUDGET_US 20
#define RESP_BLOB_BYTES_MIN 100
#define RESP_CHUNK_BYTES_MIN 40
#define RESP_CHUNK_BYTES_MAX 160
#define RESP_ARGS_FAST_FROM 32
#define RESP_ARGS_FAST_MAX 200
#define REPLY_CHUNK_BYTES 160
#define REPLY_SMALL_CHUNK_BYTES 160
#define REPLY_SHARE_BYTES 80
#define REPLY_PUSH_SHARE_BYTES 60
#define REPLY_POOL_CHUNKS_MAX 2
#define STREAM_PART_BYTES 400
#define STREAM_AHEAD_BYTES 800
#define EDGE_READ_BYTES 256
#define EDGE_LIGHT_BYTES 50
#define EDGE_ROUND 2
#define EDGE_ROUND_BYTES 300
#define EDGE_HALF_CLOSE_MS 1000
#define EDGE_BATCH 3
#define FETCH_ITEMS_MIN 4
#define FETCH_RUN_MIN 2
#define EDGE_RUN_US 5
#define EDGE_TURN_US 20
#define EDGE_TURN_CONN_US 1
#define EDGE_SEND_BYTES 4096
#define EDGE_SEND_PIECES 2
#define EDGE_WITHHELD_BYTES 1000
#define CAPTURE_BYTES 300
#define CAPTURE_LARGE_BYTES 2000
#define CAPTURE_AHEAD_BYTES 5000
#define CAPTURE_HELD_BYTES 20000
#define STREAM_STILL_TAIL_BYTES_MAX 3000
#define STREAM_STILL_PENDING_MAX 40
#define SCRIPT_SLICE_US 20
#define SCRIPT_HOOK_COUNT 50
#define TOPIC_NODE_BYTES 128
#define TOPIC_BLOB_BYTES_MIN 40
#define TOPIC_PART_BYTES 300
#define TOPIC_AHEAD_BYTES 600
#define OUTBOX_AHEAD_BYTES 500
#define OUTBOX_BYTES 4000

#else

/* Of a hash that choose a slot of a directory leaf (base/table). */
#define TABLE_LEAF_BITS 9

/* A longer string lies outside of its entry, in a blob (store/entry). */
#define ENTRY_INLINE_BYTES_MAX 254

/* Blobs from this size on are freed by a worker (store/garbage). */
#define GARBAGE_BLOB_BYTES_MIN (256 * 1024)

/* What a command gives up beyond so many bytes, in blocks of some size, is freed by a worker
 * (base/later). */
#define LATER_HERE_BYTES (64 * 1024)
#define LATER_BLOCK_BYTES_MIN 512

/* The part of a turn that may go by with keys whose time has come (core/core). */
#define EXPIRE_BUDGET_US 1000

/* Arguments from this size on are received into a blob of their own (wire/resp). */
#define RESP_BLOB_BYTES_MIN (32 * 1024)

/* Shorter arguments of a request that is not all there lie in chunks, each as large as all before
 * it, within these. (wire/resp_read) */
#define RESP_CHUNK_BYTES_MIN 512
#define RESP_CHUNK_BYTES_MAX 65536

/* So many arguments have to be sent before there is room for all that are announced, and these are
 * believed up to here. (wire/resp_read) */
#define RESP_ARGS_FAST_FROM 16384
#define RESP_ARGS_FAST_MAX (1024 * 1024)

/* Replies: their chunks, small ones between blobs, the blobs that are not copied into them, those
 * that go to many clients likewise, chunks kept for reuse (core/reply). */
#define REPLY_CHUNK_BYTES (16 * 1024)
#define REPLY_SMALL_CHUNK_BYTES 512
#define REPLY_SHARE_BYTES (16 * 1024)
#define REPLY_PUSH_SHARE_BYTES 256
#define REPLY_POOL_CHUNKS_MAX 128

/* A long reply comes in parts of this size, the next one being written when so much or less is
 * still to be sent: the sum is what a client that reads slowly costs (core/offload). */
#define STREAM_PART_BYTES (256 * 1024)
#define STREAM_AHEAD_BYTES (256 * 1024)

/* One connection's share of a turn: read at once, run without a break, sent; the pieces of one
 * send. Connections drained before their commands run, fewer when these are so many bytes, and
 * commands looked up ahead (edge/resp). */
#define EDGE_READ_BYTES (16 * 1024)
#define EDGE_RUN_US 500
#define EDGE_SEND_BYTES (1024 * 1024)
#define EDGE_SEND_PIECES 64

#define EDGE_ROUND 64
#define EDGE_ROUND_BYTES (64 * 1024)
#define EDGE_BATCH 32

/* Tables of fewer items lie in the cache anyway: nothing is fetched ahead of them for a batch. How
 * many commands in a row on one value make it worth while to look that up for them. */
#define FETCH_ITEMS_MIN 16384
#define FETCH_RUN_MIN 4

/* After so long, and so much for each connection that is ready, the loop looks who else is: that
 * takes some 0.3 us for each of them. Those who sent so little the last time go first. */
#define EDGE_LIGHT_BYTES 1024
#define EDGE_TURN_US 1000
#define EDGE_TURN_CONN_US 10

/* Of one connection whose replies wait for the log so many are made before it is read again. */
#define EDGE_WITHHELD_BYTES (1024 * 1024)
#define EDGE_HALF_CLOSE_MS 1000

/* Snapshots: entries captured at once; a value from which on a writer waits, rather than having it
 * copied for itself (store/capture). */
#define CAPTURE_BYTES (63 * 1024)
#define CAPTURE_LARGE_BYTES (64 * 1024)

/* What the walk lets be on its way to the writer; what changes may add to memory before those who
 * write wait, at least (core/snapshot). */
#define CAPTURE_AHEAD_BYTES (2 * 1024 * 1024)
#define CAPTURE_HELD_BYTES (32 * 1024 * 1024)

/* What a stream copies for a still, which should not take more than some 100 us: the last node, by
 * the first change of it; groups, consumers and what is pending, at once (types/stream). */
#define STREAM_STILL_TAIL_BYTES_MAX (256 * 1024)
#define STREAM_STILL_PENDING_MAX 500

/* A script or a transaction runs so long in a turn (core/ongoing); a script looks at the clock
 * every so many instructions (script/). */
#define SCRIPT_SLICE_US 300
#define SCRIPT_HOOK_COUNT 1000

/* Messages of a retained topic lie in nodes of this size; one from that size on is a blob of its
 * own, which replies share (types/topic_ring). */
#define TOPIC_NODE_BYTES 4096
#define TOPIC_BLOB_BYTES_MIN 1024

/* A subscriber of retained topics is sent what it has not seen in parts of this size; one that has
 * more than so much to be sent gets no message as it comes, but from the ring, later
 * (topic/retained). */
#define TOPIC_PART_BYTES (64 * 1024)
#define TOPIC_AHEAD_BYTES (256 * 1024)

/* A subscriber that may lose messages is given so much before they are held where they can be
 * dropped; so much is held if client-output-buffer-limit does not say (topic/outbox). */
#define OUTBOX_AHEAD_BYTES (64 * 1024)
#define OUTBOX_BYTES (32 * 1024 * 1024)

#endif

/* Commands that would take longer are computed by a worker; what only the loop can find for one is
 * gathered for so long in a turn (core/offload). */
#ifdef STRESS
#define OFFLOAD_US_MIN 0
#define GATHER_US 5
#else
#define OFFLOAD_US_MIN 100
#define GATHER_US 300
#endif

#define WORK_THREADS_MAX 64

/* Commands of fewer steps are done without a stop; while another one goes on, with which only one
 * can, it takes more arguments to make one wait for that (core/ongoing). */
#ifdef STRESS
#define ONGOING_UNITS_MIN 2
#define ONGOING_WAITS_MIN 64
#else
#define ONGOING_UNITS_MIN 256
#define ONGOING_WAITS_MIN 16384
#endif

/* Jobs that wait for a worker, by queue (core/core): as many commands as clients of the usual
 * configuration, those that rest or wait for keys included; garbage stays with the loop meanwhile,
 * and goes in larger pieces. */
#define QUEUE_COMMANDS_MAX 10000
#ifdef STRESS
#define QUEUE_GARBAGE_MAX 1
#else
#define QUEUE_GARBAGE_MAX 64
#endif
#define QUEUE_ALLOCATOR_MAX 2
#define QUEUE_FILES_MAX 2

/* A long reply whose keys somebody waits for is written to its end, in parts of this size. */
#define STREAM_WANTED_BYTES (16 * 1024 * 1024)

/* What a key may hold, and all keys of a script together, to be kept while the script may be taken
 * back (core/undo). */
#define UNDO_KEY_BYTES_MAX (1024 * 1024)
#define UNDO_BYTES_MAX (64 * 1024 * 1024)

/* Scripts that only EVAL brought and that are kept; clients see which are there, so that it is one
 * number always (script/eval). */
#define SCRIPT_CACHED_MAX 500

/* Libraries of Lua count in ints: the bytes of a chunk, and those that JSON may take, whose buffer
 * doubles from 1,023 (script/bounds). */
#define SCRIPT_TEXT_BYTES_MAX (512 * 1024 * 1024)
#define SCRIPT_JSON_BYTES_MAX 2000000000

/* Values in the reply that is made of what a script returns: a table that holds itself several
 * times would be one without an end (script/convert). */
#define SCRIPT_REPLY_VALUES_MAX ((int64_t)1 << 26)

/* A worker works so long before it lets others go first for an instant (base/nap). */
#define NAP_AFTER_US 100
#define NAP_LONG_US 1000 /* a yield that took so long was a slice of somebody's */
/* It works no longer than that in return: a whole machine may have stood still meanwhile. */
#define NAP_GIVEN_US_MAX 20000

/* So much memory goes back to the system at once, which takes some 50 us (base/mem). */
#define GIVE_BACK_BYTES (256 * 1024)

/* Pages that come free go back to the system within so long: soon, as few of those that a growing
 * table leaves behind are needed again in that size; later while the loop is busy (base/mem). */
#define FREE_PAGES_MS 500
#define FREE_PAGES_KEPT_MS 10000

/* A thread that is long inside the kernel looks so often whether it is to leave the loop's
 * processor: it does when the loop has used so much of the time since, and may come back when that
 * has become so little (base/affinity). */
#define AFFINITY_LOOK_MS 4
/* Of the time; also for what is kept of free pages (core/stats). */
#define LOOP_BUSY_PERCENT 70
#define LOOP_CALM_PERCENT 50

/* A pattern is tested for so many steps, some milliseconds, and so many more for each byte of the
 * name, and does not match then (base/glob). */
#define GLOB_STEPS_MAX (1024 * 1024)
#define GLOB_BYTE_STEPS_MAX 8

/* What is too old in a retained topic lies there for at most so long, though nobody sees it
 * (types/topic_ring); subscribers are sent parts for so long in a turn (topic/retained). */
#define TOPIC_SLACK_MS_MAX 1000
#define TOPIC_SLICE_US 300

/* Clients that are told in a turn that a key is no longer tracked for them, as the table has too
 * many (topic/tracking). */
#ifdef STRESS
#define TRACKING_FORGOTTEN_MAX 2
#else
#define TRACKING_FORGOTTEN_MAX 1000
#endif

/* Keys that a command which goes on has changed and BCAST is told of in one message, at its end;
 * beyond that, turn by turn (topic/tracking_broadcast). */
#define TRACKING_HELD_MAX 1000

/* Random members that HRANDFIELD, SRANDMEMBER and ZRANDMEMBER give with repetitions: so many are as
 * good as all that were asked for (commands/). */
#define RANDOM_PICKS_MAX ((int64_t)1 << 26)

/* Arguments of one batch of commands that are cut out of a buffer (wire/resp). */
#define RESP_CUT_ARGS_MAX 256

/* What has a length of one byte in an entry, 255 aside; an embstr is always inside. */
static_assert(ENTRY_INLINE_BYTES_MAX < 255 && ENTRY_INLINE_BYTES_MAX >= 44, "store/entry");
/* An argument kept as it was received becomes a value that is kept as it is. */
static_assert(RESP_BLOB_BYTES_MIN > ENTRY_INLINE_BYTES_MAX, "wire/resp to store/entry");
/* A chunk has room for its own header and twice for what is written in one piece. */
static_assert(REPLY_SMALL_CHUNK_BYTES >= 160, "core/reply");
static_assert(REPLY_CHUNK_BYTES >= REPLY_SMALL_CHUNK_BYTES, "core/reply");
/* What is shared by many is copied into one chunk or not at all. */
static_assert(REPLY_PUSH_SHARE_BYTES < REPLY_CHUNK_BYTES - 48, "core/reply");
/* A send takes whole chunks, a turn's more than one. */
static_assert(EDGE_SEND_BYTES >= 2 * REPLY_CHUNK_BYTES, "edge to core/reply");
/* A node takes the largest message that is no blob, and two of most. */
static_assert(TOPIC_BLOB_BYTES_MIN < TOPIC_NODE_BYTES - 80, "types/topic_ring");
static_assert(RESP_CUT_ARGS_MAX >= 2 * EDGE_BATCH, "wire/resp to edge: the usual fit");

#endif
