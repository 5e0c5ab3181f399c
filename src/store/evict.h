/* evict.h - which key goes when memory is short. */
#ifndef STORE_EVICT_H
#define STORE_EVICT_H

struct evict_pool;

struct evict_pool *evict_pool_new(void);
void evict_pool_free(struct evict_pool *p);

#endif
